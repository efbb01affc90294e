"""Layers, reads and responses that fit together, and what they observe of layer 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.recovery.base import as_list, as_system
from identifiability.recovery.stack import near_power_of_two
from identifiability.spectrum import dense
from identifiability.validation import as_matrix, moderate

_SAFETY = 10.0  # as in Spectrum: one repeat is one draw of the rounding error
_MOST_DIGITS = 140  # as ``moderate`` allows each map alone
_SEED = 0  # the repeat must give the same floor every time; any fixed rotation serves


@dataclass(frozen=True, eq=False)
class Observability:
    """The blocks C_k Phi_{0->k} of O, the map Phi_{0->K}, and the rounding of each (norms).

    ``values`` are the responses, flat; where blocks were divided by ``sizes`` (M,), so were they.
    ``through`` is None where reads are of layer 0 already, and maps are not known.
    """

    blocks: list[np.ndarray]
    values: np.ndarray
    sizes: np.ndarray
    rounding: float
    through: np.ndarray | None  # (d_K, d_0)
    through_rounding: float


class Layers:
    """Checked arrays; an unread layer has a read of no rows.

    Parameters
    ----------
    transports, reads, responses
        As for ``CrossLayerRecovery.fit``.

    Raises
    ------
    InvalidInput
        With the layer that is wrong, counted from 0.
    """

    def __init__(self, transports: Any, reads: Any, responses: Any) -> None:
        reads, responses = (
            as_list(reads, "reads", "layer"),
            as_list(responses, "responses", "layer"),
        )
        self.transports, widths = [], []
        if transports is None:
            widths = _pulled_back(reads, responses)
        else:
            transports = as_list(transports, "transports", "map between layers")
            self.transports, widths = _checked(transports, reads, responses)
        self.width = widths[0]
        found = [
            _read(k, read, response, width)
            for k, (read, response, width) in enumerate(zip(reads, responses, widths, strict=True))
        ]
        self.reads = [read for read, _ in found]
        self.responses = [values for _, values in found]
        if not any(values.size for values in self.responses):
            raise InvalidInput("reads must not all be None; give at least one layer that is read")

    @property
    def repeated(self) -> bool:
        """Whether one map and one read serve all layers."""
        return bool(self.transports) and all(
            np.array_equal(one, matrices[0])
            for matrices in (self.transports, self.reads)
            for one in matrices
        )

    def observability(self, *, balance: bool) -> Observability:
        """The stack O by layers and the map to the last one, with the rounding of their products.

        ``balance`` brings blocks and their responses to one size.

        Rounding is measured: the products are repeated with every layer in a rotated basis, where
        exact arithmetic would give the same. Reads of layer 0 are no products, and exact.
        """
        if not self.transports:
            return self._of_layer_0(balance=balance)
        rng = np.random.default_rng(_SEED)
        turns = [np.eye(self.width)]
        turns += [np.linalg.qr(rng.standard_normal((len(t), len(t))))[0] for t in self.transports]
        turned = [
            after.T @ t @ before
            for t, before, after in zip(self.transports, turns, turns[1:], strict=False)
        ]
        blocks, through = _stacked(self.transports, self.reads)
        rotated = [read @ turn for read, turn in zip(self.reads, turns, strict=True)]
        again, through_again = _stacked(turned, rotated)
        sizes = self._sizes() if balance else [1.0] * len(blocks)
        blocks, again, responses = (
            [part / size for part, size in zip(parts, sizes, strict=True)]
            for parts in (blocks, again, self.responses)
        )
        stack = np.vstack(blocks)
        # A stack of zeros came out of exact cancellation, and shows nothing exactly.
        change = np.linalg.norm(stack - np.vstack(again), 2) if stack.any() else 0.0
        through_change = np.linalg.norm(through - turns[-1] @ through_again, 2)
        return Observability(
            blocks,
            np.concatenate(responses),
            _by_row(sizes, blocks),
            _SAFETY * float(change),
            through,
            _SAFETY * float(through_change),
        )

    def _of_layer_0(self, *, balance: bool) -> Observability:
        sizes = [1.0] * len(self.reads)
        if balance:
            sizes = [near_power_of_two(float(np.linalg.norm(read))) for read in self.reads]
        return Observability(
            [read / size for read, size in zip(self.reads, sizes, strict=True)],
            np.concatenate([r / size for r, size in zip(self.responses, sizes, strict=True)]),
            _by_row(sizes, self.reads),
            rounding=0.0,
            through=None,
            through_rounding=0.0,
        )

    def _sizes(self) -> list[float]:
        """The size of each block as a product of norms.

        Not its own norm: where products cancel that is rounding, and must stay small.
        """
        through = np.cumprod([1.0, *(float(np.linalg.norm(t, 2)) for t in self.transports)])
        return [
            near_power_of_two(float(np.linalg.norm(read) * size))
            for read, size in zip(self.reads, through, strict=True)
        ]


def _checked(
    transports: list[Any], reads: list[Any], responses: list[Any]
) -> tuple[list[np.ndarray], list[int]]:
    """Maps between layers (d_{k+1}, d_k) that fit together, and the widths of all layers."""
    if len(transports) == 0:
        raise InvalidInput(
            "transports must hold the map to at least one further layer, got none; for reads "
            "of one layer use LeastSquaresRecovery"
        )
    if not len(reads) == len(responses) == len(transports) + 1:
        raise InvalidInput(
            "reads and responses must have one entry more than transports, got "
            f"{len(reads)}, {len(responses)} and {len(transports)}; pass None for a layer that "
            "is not read"
        )
    maps = [
        moderate(as_matrix(dense(t), f"transports[{k}]", shape="(d_next, d)"), f"transports[{k}]")
        for k, t in enumerate(transports)
    ]
    widths = [maps[0].shape[1], *(len(t) for t in maps)]
    for k, transport in enumerate(maps):
        if transport.shape[1] != widths[k]:
            raise InvalidInput(
                f"transports[{k}] must take the {widths[k]} dimensions that "
                f"transports[{k - 1}] gives, got {transport.shape}"
            )
    sizes = [float(np.linalg.norm(t)) for t in maps]
    digits = np.cumsum(np.log10([size if size > 0 else 1.0 for size in sizes]))
    if np.abs(digits).max() > _MOST_DIGITS:
        raise InvalidInput(
            "transports must together scale by less than "
            f"1e{_MOST_DIGITS}, got 1e{digits[np.abs(digits).argmax()]:.0f}; choose other units"
        )
    return maps, widths


def _pulled_back(reads: list[Any], responses: list[Any]) -> list[int]:
    """The width of layer 0, for each layer of which there are reads."""
    if len(reads) != len(responses):
        raise InvalidInput(
            f"reads and responses must have one entry for each layer, got {len(reads)} and "
            f"{len(responses)}; pass None for a layer that is not read"
        )
    shapes = [np.shape(read) for read in reads if read is not None]
    if not shapes or len(shapes[0]) != 2:
        raise InvalidInput(
            "reads must hold (m, d) rows of layer 0 where transports is None, got "
            f"{shapes[0] if shapes else 'none'}"
        )
    return [shapes[0][1]] * len(reads)


def _by_row(sizes: Sequence[float], blocks: Sequence[np.ndarray]) -> np.ndarray:
    """(M,) the size of the block that each row of the stack belongs to."""
    return np.repeat(sizes, [len(block) for block in blocks])


def _stacked(
    transports: Sequence[np.ndarray], reads: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    blocks, carried = [reads[0]], np.eye(reads[0].shape[1])
    for transport, read in zip(transports, reads[1:], strict=True):
        carried = transport @ carried
        blocks.append(read @ carried)
    return blocks, carried


def _read(layer: int, read: Any, response: Any, width: int) -> tuple[np.ndarray, np.ndarray]:
    if (read is None) != (response is None):
        raise InvalidInput(
            f"reads[{layer}] and responses[{layer}] must both be None or both be given"
        )
    if read is None:
        return np.zeros((0, width)), np.zeros(0)
    try:
        matrix, values = as_system(read, response)
    except InvalidInput as error:
        raise InvalidInput(f"reads[{layer}] or responses[{layer}]: {error}") from None
    if matrix.shape[1] != width:
        raise InvalidInput(
            f"reads[{layer}] must be (m, {width}), the width of layer {layer}, got {matrix.shape}"
        )
    return matrix, values

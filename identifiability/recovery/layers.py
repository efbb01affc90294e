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

    ``values`` are the responses, flat; where blocks were brought to one size, so were they.
    """

    blocks: list[np.ndarray]
    values: np.ndarray
    rounding: float
    through: np.ndarray  # (d_K, d_0)
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
        transports = as_list(transports, "transports", "map between layers")
        reads, responses = (
            as_list(reads, "reads", "layer"),
            as_list(responses, "responses", "layer"),
        )
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
        self.transports = [
            moderate(
                as_matrix(dense(t), f"transports[{k}]", shape="(d_next, d)"), f"transports[{k}]"
            )
            for k, t in enumerate(transports)
        ]
        widths = [self.transports[0].shape[1], *(len(t) for t in self.transports)]
        self.width = widths[0]
        for k, transport in enumerate(self.transports):
            if transport.shape[1] != widths[k]:
                raise InvalidInput(
                    f"transports[{k}] must take the {widths[k]} dimensions that "
                    f"transports[{k - 1}] gives, got {transport.shape}"
                )
        sizes = [float(np.linalg.norm(t)) for t in self.transports]
        digits = np.cumsum(np.log10([size if size > 0 else 1.0 for size in sizes]))
        if np.abs(digits).max() > _MOST_DIGITS:
            raise InvalidInput(
                "transports must together scale by less than "
                f"1e{_MOST_DIGITS}, got 1e{digits[np.abs(digits).argmax()]:.0f}; choose other units"
            )
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
        return all(
            np.array_equal(one, matrices[0])
            for matrices in (self.transports, self.reads)
            for one in matrices
        )

    def observability(self, *, balance: bool) -> Observability:
        """The stack O by layers and the map to the last one, with the rounding of their products.

        ``balance`` brings blocks and their responses to one size.

        Rounding is measured: the products are repeated with every layer in a rotated basis, where
        exact arithmetic would give the same.
        """
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
            _SAFETY * float(change),
            through,
            _SAFETY * float(through_change),
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

"""Small decoders in which each symmetry of a transformer (N6) can be measured, and broken.

Every function that ends in ``error`` is 0 where the symmetry holds; it compares a prediction from
the parameters with forward passes at finite amplitude or with dense linear algebra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import identifiability

if TYPE_CHECKING:
    import torch

    from toy_models.blocks import PlantedInDecoder
    from toy_models.decoder import Decoder, Norm

SHIFTS = (1e-3, 1.0, -30.0, 100.0)  # amplitudes c of c 1, against states of size 1
TINY: dict[str, Any] = {"width": 6, "heads": 2, "layers": 2, "vocabulary": 12, "length": 3}


@dataclass(frozen=True, eq=False)
class DecoderSymmetries:
    """One decoder for each symmetry.

    Parameters
    ----------
    shifted
        Steered by multiples of 1, at several prompts.
    radial
        Steered along the direction that its final norm forgets.
    original, turned, rotations
        A decoder, the same in another residual basis, and the (d, d) change of basis at the
        embedding, at each block and at the unembedding.
    tokens, vector
        (N, T) prompts and (d,) steering vector of ``original``.
    """

    shifted: PlantedInDecoder
    radial: PlantedInDecoder
    original: Decoder
    turned: Decoder
    rotations: tuple[torch.Tensor, ...]
    tokens: torch.Tensor
    vector: torch.Tensor

    @cached_property
    def radial_map(self) -> np.ndarray:
        """(d, d) M = dh_L/dh_l at the first prompt and strength of ``radial``."""
        operator = identifiability.JacobianOperator(
            lambda state: self.radial.last_state(0, state), _steered(self.radial, 0)
        )
        return operator @ np.eye(self.radial.width)

    @cached_property
    def radial_jacobian(self) -> np.ndarray:
        """(m, d) of the logits there."""
        return _jacobian(self.radial, 0) @ np.eye(self.radial.width)

    @cached_property
    def radial_class(self) -> identifiability.EquivalenceClass:
        """To first order, over all prompts and strengths of ``radial``."""
        return _first_order_class(self.radial)

    @property
    def last(self) -> np.ndarray:
        """(d,) h_L there."""
        return self.radial.last_state(0, _steered(self.radial, 0)).numpy()

    @property
    def pulled_back(self) -> np.ndarray:
        """(d,) unit vector along M^-1 h_L."""
        direction = np.linalg.solve(self.radial_map, self.last)
        return direction / np.linalg.norm(direction)


def norms(decoder: Decoder) -> list[Norm]:
    """All that read the stream or normalise it."""
    found = [n for block in decoder.blocks for n in (block.attention_norm, block.mlp_norm)]
    return found if decoder.final_norm is None else [*found, decoder.final_norm]


def _final_norm(decoder: Decoder) -> Norm:
    if decoder.final_norm is None:
        raise ValueError("this symmetry is that of a final norm; pass a decoder that has one")
    return decoder.final_norm


def _steered(planted: PlantedInDecoder, prompt: int, strength: float | None = None) -> torch.Tensor:
    import torch

    alpha = float(planted.strengths[0]) if strength is None else strength
    return torch.from_numpy(planted.states[prompt] + alpha * planted.vector)


def _jacobian(
    planted: PlantedInDecoder, prompt: int, strength: float | None = None
) -> identifiability.JacobianOperator:
    alpha = float(planted.strengths[0]) if strength is None else strength
    state = _steered(planted, prompt, alpha)
    return identifiability.JacobianOperator(planted.continuations[prompt], state, strength=alpha)


def _first_order_class(planted: PlantedInDecoder) -> identifiability.EquivalenceClass:
    """The code under test."""
    prompts = range(len(planted.continuations))
    operators = [_jacobian(planted, x, float(a)) for x in prompts for a in planted.strengths]
    return identifiability.EquivalenceClass(identifiability.stack(operators), planted.vector)


def logit_shift_error(i: DecoderSymmetries, hidden: int | None = None) -> float:
    """dim ker G = dim ker J + [1 in col J], against ranks of J and [J 1] by SVD.

    ``hidden`` replaces [1 in col J].
    """
    J = i.radial_jacobian
    metric = identifiability.FisherOperator(_jacobian(i.radial, 0)) @ np.eye(i.radial.width)
    # What all logits share cancels in G and leaves its rounding: m products, of entries with some
    # ten roundings each.
    error = 10 * len(J) * np.finfo(float).eps * float(np.sum(J**2))
    spectrum = identifiability.Spectrum.of((metric + metric.T) / 2, error=error)
    found = i.radial.width - spectrum.rank()
    rank, joined = (int(np.linalg.matrix_rank(A, tol=1e-9)) for A in (J, np.c_[J, np.ones(len(J))]))
    inside = int(rank == joined) if hidden is None else hidden
    return abs(found - (i.radial.width - rank + inside))


def constant_shift_error(i: DecoderSymmetries) -> float:
    """Largest change of the logits, relative to them, when c 1 is added to a steered state."""
    worst = 0.0
    for prompt, logits in enumerate(i.shifted.continuations):
        state = _steered(i.shifted, prompt)
        before = logits(state)
        moved = max(float((logits(state + c) - before).abs().max()) for c in SHIFTS)
        worst = max(worst, moved / float(before.abs().max()))
    return worst


def shifted_dimension_error(i: DecoderSymmetries, claimed: int = 1) -> float:
    return abs(_first_order_class(i.shifted).dimension - claimed)


def radial_dimension_error(i: DecoderSymmetries, claimed: int = 1) -> float:
    """``claimed`` dimensions, and the constant one where all norms subtract the mean."""
    constant = int(all(norm.kind == "layer" for norm in norms(i.radial.decoder)))
    return abs(i.radial_class.dimension - (claimed + constant))


def radial_direction_error(i: DecoderSymmetries, direction: np.ndarray) -> float:
    """Sine of the angle between a unit vector (d,) and the class found at one prompt."""
    basis = i.radial_class.basis
    return float(np.linalg.norm(direction - basis @ (basis.T @ direction)))


def curve_error(i: DecoderSymmetries, straight: bool = False) -> float:
    """Change of the logits, relative to them, along the curve of states with h_L on one ray, about
    1 % of h away (nearer by halves where it is too bent to be solved for); or along its tangent."""
    import torch
    from scipy.optimize import root

    start, logits = _steered(i.radial, 0), i.radial.continuations[0]
    tangent = np.linalg.solve(i.radial_map, i.last)
    unit = float(start.norm()) / float(np.linalg.norm(tangent))

    def change(growth: float) -> float:
        def miss(state: np.ndarray) -> np.ndarray:
            return i.radial.last_state(0, torch.from_numpy(state)).numpy() - (1 + growth) * i.last

        state, missed = start.numpy() + growth * tangent, 0.0
        if not straight:
            state = root(miss, state, tol=1e-14).x
            missed = float(np.linalg.norm(miss(state)) / np.linalg.norm(i.last))
        before, after = logits(start), logits(torch.from_numpy(state))
        return max(missed, float((after - before).abs().max() / before.abs().max()))

    found = change(0.01 * unit)
    for distance in () if straight else (0.005, 0.0025, 0.00125):
        if found < 1e-12:
            break
        found = change(distance * unit)
    return found


def epsilon_error(
    i: DecoderSymmetries, epsilon: float = 0.05, factor: float | None = None
) -> float:
    """J M^-1 h_L = eps/(m + eps) W (gain h_L)/sqrt(m + eps), for a final norm with epsilon.

    ``factor`` replaces eps/(m + eps); m is the mean square (of the centred h_L, if LayerNorm).
    """
    import torch

    norm = replace(_final_norm(i.radial.decoder), epsilon=epsilon)
    decoder = replace(i.radial.decoder, final_norm=norm)
    last = torch.from_numpy(i.last)
    centred = last - last.mean() if norm.kind == "layer" else last
    square = float((centred**2).mean())
    image = decoder.unembedding.matrix @ (norm.gain * centred) / (square + epsilon) ** 0.5
    claimed = (epsilon / (square + epsilon) if factor is None else factor) * image.numpy()
    J = identifiability.JacobianOperator(
        lambda state: decoder.logits(i.radial.last_state(0, state)), _steered(i.radial, 0)
    )
    found = J @ np.linalg.solve(i.radial_map, i.last)
    return float(np.abs(found - claimed).max() / image.abs().max())


def rotation_error(i: DecoderSymmetries) -> float:
    """Largest change of the logits, relative to them, if the basis turns and v with it."""
    vectors = i.vector, i.rotations[0] @ i.vector
    worst = 0.0
    for tokens in i.tokens:
        before, after = (
            _steered_logits(decoder, tokens, vector)
            for decoder, vector in zip((i.original, i.turned), vectors, strict=True)
        )
        worst = max(worst, float((after - before).abs().max() / before.abs().max()))
    return worst


def _steered_logits(decoder: Decoder, tokens: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """With v added to every position after block 0."""
    return decoder.logits(decoder.resume(decoder.stream(tokens, 0) + vector, 0)[-1])


def planted_decoder(
    rng: np.random.Generator, norm: Literal["layer", "rms"], **choices: Any
) -> PlantedInDecoder:
    from toy_models import TransformerBlocks

    blocks = TransformerBlocks(norm=norm, **(TINY | choices))
    return blocks.sample(int(rng.integers(2**31)))


def with_shift_in_reach(planted: PlantedInDecoder, rng: np.random.Generator) -> PlantedInDecoder:
    """The same with an unembedding that turns some change of the normed state into 1."""
    import torch

    from toy_models.blocks import plant

    decoder, last = planted.decoder, planted.last_state(0, _steered(planted, 0))
    direction = torch.from_numpy(rng.standard_normal(planted.width))
    reached = torch.func.jvp(_final_norm(decoder), (last,), (direction,))[1]
    W = decoder.unembedding.matrix
    W = W + torch.outer(1 - W @ reached, reached) / (reached @ reached)
    decoder = replace(decoder, unembedding=replace(decoder.unembedding, matrix=W))
    return plant(
        decoder,
        planted.tokens,
        vector=planted.vector,
        layer=planted.layer,
        position=planted.position,
        strength=float(planted.strengths[0]),
    )


def random_rotations(rng: np.random.Generator, width: int, count: int) -> tuple[torch.Tensor, ...]:
    import torch

    drawn = rng.standard_normal((count, width, width))
    return tuple(torch.from_numpy(np.linalg.qr(matrix)[0]) for matrix in drawn)


def turned(decoder: Decoder, rotations: Sequence[torch.Tensor]) -> Decoder:
    """Embedding, blocks and unembedding in the basis given for each; norms stay as they are."""
    first, *inner, last = rotations
    blocks = (b.rotated(Q) for b, Q in zip(decoder.blocks, inner, strict=True))
    return replace(
        decoder,
        embedding=decoder.embedding @ first.T,
        blocks=tuple(blocks),
        unembedding=decoder.unembedding.rotated(last),
    )

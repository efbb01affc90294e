r"""Readouts of a state: affine, softmax and tanh, with the null space that each is built to have.

* affine: F_x(h) = J_x h + c_x; the stack of the J_x has the rank and spectrum asked for (N1);
* softmax: F(h) = log softmax(W h + c), whose null space is {n : W n in span(1)} (N6a, N7);
* tanh: F(h) = V tanh(W h + c), whose null space is a tangent space that moves with the state (N2b).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from toy_models.planted import (
    Planted,
    alternating_strengths,
    complement,
    orthonormal,
    require,
    stacked_jacobian,
    well_conditioned,
)

SpectrumName = Literal["flat", "power_law", "gapless", "integer"]


@dataclass(frozen=True)
class AffineReadout:
    """Affine outputs; the stack of Jacobians over prompts has exactly the rank asked for.

    Parameters
    ----------
    width, outputs, prompts
        d, m and N; the stack has N m rows.
    rank
        Rank of the stack, 1 <= rank <= min(d, N m); its kernel has dimension d - rank.
    spectrum
        Its non-zero singular values: ``flat`` (all 1), ``power_law`` (1/i), ``gapless`` (from 1
        down through the rounding of float64, which no algorithm can tell from a kernel), or
        ``integer``: whatever they are for a matrix of small integers, whose rank and kernel are
        exact in rational arithmetic.

    Examples
    --------
    >>> instance = AffineReadout(width=5, outputs=4, rank=3).sample(0)
    >>> instance.kernel.shape, float(np.abs(instance.jacobian() @ instance.kernel).max()) < 1e-14
    ((5, 2), True)
    """

    width: int = 12
    outputs: int = 16
    rank: int = 8
    spectrum: SpectrumName = "flat"
    prompts: int = 1

    def sample(self, seed: int) -> Planted:
        """Draw the readout, the states and the planted vector."""
        rows = self.outputs * self.prompts
        require(
            1 <= self.rank <= min(self.width, rows),
            f"rank must lie between 1 and min(width, outputs * prompts), got {self.rank} for a "
            f"({rows}, {self.width}) stack; ask for more outputs or a lower rank",
        )
        rng = np.random.default_rng(seed)
        if self.spectrum == "integer":
            stack, kernel = _integer_matrix(rng, rows, self.width, self.rank)
        else:
            basis = orthonormal(rng, self.width, self.width)
            left = orthonormal(rng, rows, self.rank)
            stack = (left * singular_values(self.spectrum, self.rank)) @ basis[:, : self.rank].T
            kernel = basis[:, self.rank :]
        offsets = rng.standard_normal((self.prompts, self.outputs))
        blocks = np.split(stack, self.prompts)
        return Planted(
            continuations=tuple(
                partial(_affine, torch.from_numpy(J), torch.from_numpy(c))
                for J, c in zip(blocks, offsets, strict=True)
            ),
            jacobians=tuple((lambda _, J=J: J) for J in blocks),
            states=rng.standard_normal((self.prompts, self.width)),
            strengths=np.ones(1),
            vector=rng.standard_normal(self.width),
            kernel=kernel,
            reach="global",
        )


def singular_values(spectrum: str, rank: int) -> np.ndarray:
    """(rank,) the non-zero singular values that a name stands for, largest first."""
    shapes = {
        "flat": np.ones(rank),
        "power_law": 1.0 / np.arange(1, rank + 1),
        # At most 6 decades a step: wherever rounding sets in, a value lies next to it.
        "gapless": np.logspace(0, -24, rank),
    }
    require(
        spectrum in shapes,
        f"spectrum must be one of {', '.join(shapes)} or (affine only) integer, got {spectrum!r}",
    )
    require(
        spectrum != "gapless" or rank >= 5,
        f"a gapless spectrum needs rank >= 5, got {rank}; fewer values leave a gap between them",
    )
    return shapes[spectrum]


@dataclass(frozen=True)
class SoftmaxReadout:
    """Log-probabilities (nats) over a vocabulary; logits count up to a constant only.

    The logit matrix is W = U S Q^T + 1 c^T with U orthogonal to 1, so W n lies in span(1) exactly
    for the n orthogonal to Q. The raw logits do see the kernel, along c: one more dimension.

    Parameters
    ----------
    width, vocabulary
        d and m.
    rank
        Dimension of what log-probabilities see, 1 <= rank <= min(d, m - 1).
    spectrum
        ``flat`` or ``power_law``, for the centred part.
    prompts
        N states; further ones add no rank.
    """

    width: int = 8
    vocabulary: int = 12
    rank: int = 5
    spectrum: SpectrumName = "flat"
    prompts: int = 1

    def sample(self, seed: int) -> Planted:
        """Draw the readout, the states and the planted vector."""
        require(
            1 <= self.rank <= min(self.width, self.vocabulary - 1),
            f"rank must lie between 1 and min(width, vocabulary - 1), got {self.rank} for width "
            f"{self.width} and vocabulary {self.vocabulary}; a softmax hides one dimension",
        )
        rng = np.random.default_rng(seed)
        basis = orthonormal(rng, self.width, self.width)
        ones = np.ones((self.vocabulary, 1)) / np.sqrt(self.vocabulary)
        # Columns of a rotation whose first column is the constant vector: orthogonal to it.
        draws = np.hstack([ones, rng.standard_normal((self.vocabulary, self.rank))])
        left = np.linalg.qr(draws)[0][:, 1:]
        scale = singular_values(self.spectrum, self.rank)
        weights = (left * scale) @ basis[:, : self.rank].T + np.outer(
            np.ones(self.vocabulary), rng.standard_normal(self.width)
        )
        offset = rng.standard_normal(self.vocabulary)
        function = partial(_log_softmax, torch.from_numpy(weights), torch.from_numpy(offset))
        return Planted(
            continuations=(function,) * self.prompts,
            jacobians=(partial(_log_softmax_jacobian, weights, offset),) * self.prompts,
            states=rng.standard_normal((self.prompts, self.width)),
            strengths=np.ones(1),
            vector=rng.standard_normal(self.width),
            kernel=basis[:, self.rank :],
            reach="global",
        )


@dataclass(frozen=True)
class TanhReadout:
    """Outputs V tanh(W h + c) with injective W: no global null space, only a local one (N2c).

    Parameters
    ----------
    width, hidden, outputs, prompts
        d, the number of tanh units (at least d), m (at most ``hidden``) and N.
    strengths
        How many strengths, taken as 1, -1, 2, -2, …: each is an environment of its own, and the
        class at v has dimension max(0, d - N A m) for almost all weights (N2b, N3).
        Ill-conditioned draws are drawn again.
    """

    width: int = 8
    hidden: int = 32
    outputs: int = 1
    prompts: int = 1
    strengths: int = 1

    def sample(self, seed: int) -> Planted:
        """Draw the readout, the states and the planted vector."""
        require(
            self.width <= self.hidden and self.outputs <= self.hidden,
            f"hidden must be at least width and outputs, got {self.hidden} for width {self.width} "
            f"and {self.outputs} outputs; fewer units would have a global null space",
        )
        return well_conditioned(self._draw, np.random.default_rng(seed))

    def _draw(self, rng: np.random.Generator) -> Planted:
        inner = 2 * rng.standard_normal((self.hidden, self.width)) / np.sqrt(self.width)
        outer = rng.standard_normal((self.outputs, self.hidden)) / np.sqrt(self.hidden)
        offset = rng.standard_normal(self.hidden)
        states = rng.standard_normal((self.prompts, self.width))
        vector = rng.standard_normal(self.width)
        strengths = alternating_strengths(self.strengths)
        jacobians = (partial(_tanh_jacobian, inner, outer, offset),) * self.prompts
        function = partial(_tanh, *map(torch.from_numpy, (inner, outer, offset)))
        return Planted(
            continuations=(function,) * self.prompts,
            jacobians=jacobians,
            states=states,
            strengths=strengths,
            vector=vector,
            kernel=complement(stacked_jacobian(jacobians, states, strengths, vector)),
            reach="local",
        )


def _integer_matrix(
    rng: np.random.Generator, rows: int, width: int, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """[I; Y] B [I | X] with small integers and B unimodular: rank exact, kernel [-X; I] exact."""
    mixed = rng.integers(-2, 3, (rank, width - rank))
    lower = np.tril(rng.integers(-1, 2, (rank, rank)), -1) + np.eye(rank, dtype=int)
    tall = np.vstack([np.eye(rank, dtype=int), rng.integers(-2, 3, (rows - rank, rank))])
    order, shuffled = rng.permutation(width), rng.permutation(rows)
    matrix = np.empty((rows, width))
    matrix[:, order] = (tall @ lower @ np.hstack([np.eye(rank, dtype=int), mixed]))[shuffled]
    kernel = np.empty((width, width - rank))
    kernel[order] = np.vstack([-mixed, np.eye(width - rank)])
    return matrix, np.linalg.qr(kernel)[0]


def _affine(jacobian: Tensor, offset: Tensor, state: Tensor) -> Tensor:
    return jacobian @ state + offset


def _log_softmax(weights: Tensor, offset: Tensor, state: Tensor) -> Tensor:
    return torch.log_softmax(weights @ state + offset, dim=0)


def _log_softmax_jacobian(weights: np.ndarray, offset: np.ndarray, state: np.ndarray) -> np.ndarray:
    """(I - 1 p^T) W."""
    logits = weights @ state + offset
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    return weights - probabilities @ weights


def _tanh(inner: Tensor, outer: Tensor, offset: Tensor, state: Tensor) -> Tensor:
    return outer @ torch.tanh(inner @ state + offset)


def _tanh_jacobian(
    inner: np.ndarray, outer: np.ndarray, offset: np.ndarray, state: np.ndarray
) -> np.ndarray:
    """V diag(1 - tanh^2) W."""
    slopes = 1 - np.tanh(inner @ state + offset) ** 2
    return (outer * slopes) @ inner

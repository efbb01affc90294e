r"""What every toy instance carries: a planted vector, how it is seen, and the exact truth about it.

The truth comes from how the instance was built. No estimator of this project computes it, so that
a toy's truth cannot share a bug with what it tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

Continuation = Callable[[torch.Tensor], torch.Tensor]  # (d,) -> (m,), float64
Jacobian = Callable[[np.ndarray], np.ndarray]  # state (d,) -> (m, d), in closed form


@dataclass(frozen=True, eq=False)
class Planted:
    r"""A vector v planted in N states and seen through N continuations at A strengths.

    Parameters
    ----------
    continuations
        N maps F_x from a float64 tensor (d,) to (m,).
    states
        (N, d), the states h_x.
    strengths
        (A,) strengths alpha, none of them zero.
    vector
        (d,) the planted v.
    kernel
        (d, k) orthonormal basis of the kernel of the stack of alpha J_x(h_x + alpha v), exact by
        construction.
    reach
        ``"global"``: F_x(h + n) = F_x(h) for every h and every n in the kernel, so that v + kernel
        is observationally equivalent to v exactly, at all strengths. ``"local"``: the kernel is
        the tangent space of the class at v and no more.
    jacobians
        dF_x/dh in closed form, one for each continuation; empty where there is none.
    """

    continuations: tuple[Continuation, ...]
    states: np.ndarray
    strengths: np.ndarray
    vector: np.ndarray
    kernel: np.ndarray
    reach: Literal["global", "local"]
    jacobians: tuple[Jacobian, ...] = ()

    @property
    def width(self) -> int:
        """d."""
        return self.vector.size

    @property
    def kernel_part(self) -> np.ndarray:
        """(d,) b, what the observation cannot see of v (to first order if the reach is local)."""
        return self.kernel @ (self.kernel.T @ self.vector)

    @property
    def row_space_part(self) -> np.ndarray:
        """(d,) a = v - b."""
        return self.vector - self.kernel_part

    def observe(self, vector: torch.Tensor) -> torch.Tensor:
        """All outputs F_x(h_x + alpha vector), over prompts and then strengths, flat: (N A m,)."""
        seen = [
            continuation(torch.from_numpy(state) + strength * vector)
            for continuation, state in zip(self.continuations, self.states, strict=True)
            for strength in self.strengths.tolist()
        ]
        return torch.cat(seen)

    def response(self) -> np.ndarray:
        """(N A m,) the change of all outputs that v makes."""
        planted = torch.from_numpy(self.vector)
        return (self.observe(planted) - self.observe(torch.zeros_like(planted))).numpy()

    def jacobian(self) -> np.ndarray:
        """(N A m, d) the stack of alpha J_x(h_x + alpha v) in closed form."""
        if not self.jacobians:
            raise ValueError("this model has no Jacobian in closed form; differentiate `observe`")
        return stacked_jacobian(self.jacobians, self.states, self.strengths, self.vector)


def stacked_jacobian(
    jacobians: Sequence[Jacobian], states: np.ndarray, strengths: np.ndarray, vector: np.ndarray
) -> np.ndarray:
    """The matrices alpha J_x(h_x + alpha v) on top of each other, prompts outermost."""
    blocks = [
        strength * jacobian(state + strength * vector)
        for jacobian, state in zip(jacobians, states, strict=True)
        for strength in strengths
    ]
    return np.vstack(blocks)


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) with orthonormal columns, uniform (Mezzadri 2007, arXiv:math-ph/0609050)."""
    factor, triangle = np.linalg.qr(rng.standard_normal((rows, columns)))
    return factor * np.sign(np.diag(triangle))


def complement(rows: np.ndarray) -> np.ndarray:
    """(d, d - M) orthonormal basis of what is orthogonal to M linearly independent rows (M, d).

    None is left when M >= d: then almost every draw of the weights has full rank (theory.md N3).
    """
    count, width = rows.shape
    if count >= width:
        return np.zeros((width, 0))
    factor, _ = np.linalg.qr(rows.T, mode="complete")
    return factor[:, count:]


def well_conditioned(
    draw: Callable[[np.random.Generator], Planted], rng: np.random.Generator
) -> Planted:
    """Draw until the non-zero singular values of the stack lie within a factor of 1e4.

    Almost all weights have the generic rank, but float64 cannot tell those next to an exception
    from the exception; 1e4 leaves twelve digits.
    """
    for _ in range(100):
        instance = draw(rng)
        singular = np.linalg.svd(instance.jacobian(), compute_uv=False)
        rank = instance.width - instance.kernel.shape[1]
        if singular[rank - 1] >= 1e-4 * singular[0]:
            return instance
    raise ValueError(
        "100 draws in a row were ill-conditioned (beyond 1e4); ask for a smaller width, more "
        "prompts or more outputs"
    )


def alternating_strengths(count: int) -> np.ndarray:
    """1, -1, 2, -2, 3, …: apart from each other, so that each sees the curvature elsewhere."""
    return np.array([(1.0 if i % 2 == 0 else -1.0) * (i // 2 + 1) for i in range(count)])


def require(holds: bool, sentence: str) -> None:
    """Raise ValueError unless a model's parameters fit together."""
    if not holds:
        raise ValueError(sentence)

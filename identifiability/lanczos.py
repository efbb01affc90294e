"""Lanczos with full reorthogonalisation, and the quadrature rules that it yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator

from identifiability.errors import InvalidInput

# A new direction this much shorter than its image is rounding: the Krylov space has ended.
_ENDED = 1e-12


@dataclass(frozen=True)
class Tridiagonal:
    """G in an orthonormal basis of the Krylov space of one vector z, ‖z‖ = 1.

    Attributes
    ----------
    diagonal
        (m,).
    beside
        (m,), the last how far G leads out of the space: 0 where it is invariant.
    """

    diagonal: np.ndarray
    beside: np.ndarray

    def ritz_values(self) -> np.ndarray:
        """(m,) ascending."""
        return scipy.linalg.eigvalsh_tridiagonal(self.diagonal, self.beside[:-1])

    def mass_below(self, cut: float) -> tuple[float, float]:
        """Bounds on zᵀ 1[G ≤ cut] z, the best that m products allow.

        The Gauss–Radau rule with a node at the cut carries the largest mass that any measure with
        these moments can have there (Chebyshev, Markov, Stieltjes): without it the rule is a lower
        bound on the mass below the cut, with it an upper bound on that at or below.
        """
        nodes, weights, last = _rule(self.diagonal, self.beside[:-1])
        if self.beside[-1] == 0:
            mass = float(weights[nodes <= cut].sum())
            return mass, mass
        if not (nodes == cut).any():  # else it is a node already
            # The diagonal entry that makes the cut a node (Golub & Meurant 2010, chapter 6).
            entry = cut + self.beside[-1] ** 2 * float(np.sum(last**2 / (nodes - cut)))
            nodes, weights, _ = _rule(np.append(self.diagonal, entry), self.beside)
        at = int(np.argmin(np.abs(nodes - cut)))
        low = float(weights[:at].sum())
        return low, low + float(weights[at])


def lanczos(operator: LinearOperator, start: np.ndarray, steps: int) -> Tridiagonal:
    """Up to ``steps`` products with G from a starting vector (d,)."""
    basis = np.empty((start.size, steps))
    vector = start / np.linalg.norm(start)
    diagonal, beside, scale = [], [], 0.0
    for step in range(steps):
        basis[:, step] = vector
        image = np.asarray(operator.matvec(vector))
        scale = max(scale, float(np.linalg.norm(image)))
        diagonal.append(float(vector @ image))
        rest = _without(image, [basis[:, : step + 1]])
        length = float(np.linalg.norm(rest))
        ended = length <= _ENDED * scale or step + 1 == start.size
        beside.append(0.0 if ended else length)
        if ended:
            break
        vector = rest / length
    return Tridiagonal(np.array(diagonal), np.array(beside))


def orthogonalised(
    vectors: np.ndarray, against: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Orthonormal columns (d, b), orthogonal to the orthonormal columns of all in ``against``.

    Columns of ``vectors`` that lie in what is there already are replaced by random ones, so that
    the block keeps its size and what starts outside a found invariant space is found too.
    """
    lengths = np.linalg.norm(vectors, axis=0)
    rest = _without(vectors / np.where(lengths > 0, lengths, 1.0), against)
    basis, triangle, _ = scipy.linalg.qr(rest, mode="economic", pivoting=True)
    spent = np.abs(np.diag(triangle)) <= _ENDED
    basis[:, spent] = rng.standard_normal((len(basis), int(spent.sum())))
    for _ in range(2):
        basis = np.linalg.qr(_without(basis, against))[0]
    return basis


def _without(vectors: np.ndarray, against: Sequence[np.ndarray]) -> np.ndarray:
    for _ in range(2):  # once leaves the rounding of a long image, twice is enough
        for known in against:
            vectors = vectors - known @ (known.T @ vectors)
    return vectors


def symmetric_operator(operator: LinearOperator) -> int:
    """d of a (d, d) operator that says nothing against being symmetric.

    Raises
    ------
    InvalidInput
        If it is not a square ``LinearOperator``, or two products show that it is not symmetric.
    """
    if not isinstance(operator, LinearOperator):
        raise InvalidInput(
            f"operator must be a scipy LinearOperator, got {type(operator).__name__}; "
            "wrap an array in scipy.sparse.linalg.aslinearoperator"
        )
    rows, width = operator.shape
    if rows != width:
        raise InvalidInput(f"operator must be a metric (d, d), got {operator.shape}; pass JᵀFJ")
    if not getattr(operator, "symmetric", False):
        one, other = np.linspace(1, 2, width), np.linspace(-1, 2, width) ** 2
        image, back = operator.matvec(one), operator.matvec(other)
        scale = np.linalg.norm(image) * np.linalg.norm(other)
        # Float32 products agree to 1e-6; what is not symmetric at all differs by order one.
        if abs(other @ image - one @ back) > 1e-4 * scale:
            raise InvalidInput("operator must be symmetric, its two sides differ; pass a metric")
    return width


def _rule(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, ascending, and weights of a tridiagonal's rule; last entries of its eigenvectors."""
    nodes, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside)
    return nodes, vectors[0] ** 2, vectors[-1]

"""Gauge groups: what may be done to a set of directions without changing what is observed.

Directions are the columns of a (d, k) matrix. A recovery is right when it is right up to the gauge
that theory leaves, and chance is what a random element of the gauge that data leave would score
(theory.md section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_matrix


class Gauge(Protocol):
    """A group that acts on the columns of a matrix."""

    @property
    def dimension(self) -> int:
        """Dimension of the group as a manifold: 0 for a finite group."""
        ...

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """A random element: uniform where the group is compact."""
        ...

    def act(self, element: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The columns (d, k) after the element has acted."""
        ...

    def canonical(self, columns: np.ndarray) -> np.ndarray:
        """The one member of the orbit of ``columns`` (d, k) that stands for all of it."""
        ...


class _Mixing:
    """A group of (k, k) matrices that act from the right."""

    def act(self, element: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """``columns @ element``."""
        return columns @ element


@dataclass(frozen=True)
class SignedPermutation(_Mixing):
    """Order and sign of k columns: what independence leaves of unit-variance sources (R1).

    Examples
    --------
    >>> gauge = SignedPermutation(2)
    >>> gauge.canonical(np.array([[0.0, -2.0], [1.0, 0.0]]))
    array([[2., 0.],
           [0., 1.]])
    """

    size: int
    dimension = 0

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """A signed permutation matrix, uniform over all 2^k k! of them."""
        return np.eye(self.size)[:, rng.permutation(self.size)] * rng.choice([-1.0, 1.0], self.size)

    def canonical(self, columns: np.ndarray) -> np.ndarray:
        """Each column's entry of largest modulus positive; columns in descending dictionary order.

        Rounded to twelve digits of the largest entry for comparing only, so that rounding does not
        decide between entries that are equal.
        """
        columns = _columns(columns, self.size)
        rounded = _rounded(columns)
        largest = np.argmax(np.abs(rounded), axis=0)
        signs = np.where(columns[largest, np.arange(self.size)] < 0, -1.0, 1.0)
        order = np.lexsort(-(rounded * signs)[::-1])
        return (columns * signs)[:, order] + 0.0  # no negative zeros


@dataclass(frozen=True)
class Rotation(_Mixing):
    """Orthogonal mixing inside blocks of k columns: what second moments alone leave (R1, R3b).

    Parameters
    ----------
    size
        k.
    blocks
        Disjoint groups of columns that mix among themselves; by default one block of all. Columns
        in no block stay as they are.
    """

    size: int
    blocks: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        named = [column for block in self._blocks for column in block]
        if len(set(named)) != len(named) or not set(named) <= set(range(self.size)):
            raise InvalidInput(
                f"blocks must be disjoint sets of columns below {self.size}, got {self.blocks}"
            )

    @property
    def _blocks(self) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(self.size)),) if self.blocks is None else self.blocks

    @property
    def dimension(self) -> int:
        """The sum of b(b - 1)/2 over blocks of b columns."""
        return sum(len(block) * (len(block) - 1) // 2 for block in self._blocks)

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """Haar in each block (Mezzadri 2007, arXiv:math-ph/0609050), reflections included."""
        element = np.eye(self.size)
        for block in self._blocks:
            factor, triangle = np.linalg.qr(rng.standard_normal((len(block), len(block))))
            element[np.ix_(block, block)] = factor * np.sign(np.diag(triangle))
        return element

    def canonical(self, columns: np.ndarray) -> np.ndarray:
        """Each block in lower-triangular form with a non-negative diagonal, by LQ of its columns.

        Unique where a block's first rows are linearly independent.
        """
        columns = _columns(columns, self.size).copy()
        for block in self._blocks:
            chosen = list(block)
            triangle = np.linalg.qr(columns[:, chosen].T, mode="r")
            if len(triangle) < len(chosen):  # fewer rows than columns: the rest rotate to zero
                triangle = np.vstack(
                    [triangle, np.zeros((len(chosen) - len(triangle), len(columns)))]
                )
            signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
            signs = np.concatenate([signs, np.ones(len(chosen) - len(signs))])
            columns[:, chosen] = (signs[:, None] * triangle).T
        return columns + 0.0


@dataclass(frozen=True)
class Shift:
    """Adding multiples of fixed directions: logits up to a constant (N6a), v up to a kernel (N1).

    Parameters
    ----------
    directions
        (d, k) linearly independent.
    """

    directions: np.ndarray

    @property
    def dimension(self) -> int:
        """k."""
        return self.directions.shape[1]

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """(k,) standard normal coefficients; the group is not compact."""
        return rng.standard_normal(self.dimension)

    def act(self, element: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The same combination of the directions is added to every column (or to a vector (d,))."""
        shift = self.directions @ element
        return columns + (shift if columns.ndim == 1 else shift[:, None])

    def canonical(self, columns: np.ndarray) -> np.ndarray:
        """The member of least norm: what is orthogonal to the directions, for a (d,) or (d, n)."""
        basis, _ = np.linalg.qr(self.directions)
        return columns - basis @ (basis.T @ columns)


def _columns(columns: np.ndarray, size: int) -> np.ndarray:
    matrix = as_matrix(columns, "columns", shape=f"(d, {size})")
    if matrix.shape[1] != size:
        raise InvalidInput(f"columns must be (d, {size}), got {matrix.shape}")
    return matrix


def _rounded(columns: np.ndarray) -> np.ndarray:
    scale = np.abs(columns).max()
    return np.round(columns / scale, 12) if scale > 0 else columns

"""Dependent columns of a matrix: how few there are, and the kernel vectors that show them.

The two functions look at the two sides of one matter, and by different means: ``spark`` takes
ranks of column subsets over Q; ``elementary_vectors`` starts from a basis of the kernel in floating
point and never looks at a column.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

import identifiability

# Entries below this share of the largest are zeros of an integer or well conditioned matrix.
_ZERO = 1e-9


def spark(matrix: np.ndarray) -> int:
    """Least number of linearly dependent columns of a rational (M, K) matrix; K + 1 if none are."""
    columns = matrix.shape[1]
    for size in range(1, columns + 1):
        for chosen in combinations(range(columns), size):
            if int(identifiability.exact_rank(matrix[:, chosen])) < size:
                return size
    return columns + 1


def elementary_vectors(matrix: np.ndarray) -> np.ndarray:
    """All vectors of minimal support in the kernel of an (M, K) matrix, as rows, largest entry 1.

    A kernel of dimension q has a basis N (K, q), and a vector of minimal support is the only one,
    up to scale, that vanishes on q - 1 suitable coordinates (Rockafellar 1969): so try all sets of
    q - 1. Where a set leaves more than one vector, some vector with these zeros is returned.
    """
    _, singular, right = np.linalg.svd(np.asarray(matrix, float))
    basis = right[int(np.sum(singular > _ZERO * singular.max())) :].T
    columns, dimension = basis.shape
    if dimension == 0:
        return np.zeros((0, columns))
    zeros = np.array(list(combinations(range(columns), dimension - 1)), int)
    coefficients = np.linalg.svd(basis[zeros.reshape(len(zeros), -1)])[2][:, -1, :]
    vectors = coefficients @ basis.T
    vectors /= np.abs(vectors).max(axis=1, keepdims=True)
    vectors[np.abs(vectors) < _ZERO] = 0.0
    return vectors

r"""Columns and sparse codes: lengths, coherence, supports, and what rounding leaves of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np

# Smallest singular value of unit columns: below the first they are dependent to float64 rounding;
# above the second, rounding of the response moves a code by less than 1e-8. Between, no answer.
DEPENDENT, INDEPENDENT = 1e-10, 1e-8
# The solver of the linear programs meets constraints to 1e-7; a share this near to one half counts
# as one half, where l1 has a tie at best.
TIE = 1e-6
_CHUNK = 4096  # supports decomposed at once: a few megabytes


def unit_columns(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, K) columns of norm 1 and their lengths (K,); a zero column stays zero."""
    lengths = np.linalg.norm(columns, axis=0)
    return columns / np.where(lengths > 0, lengths, 1.0), lengths


def coherence(columns: np.ndarray) -> float:
    """Largest |cosine| between two columns of (M, K); 0 for one column."""
    return most_coherent_pair(columns)[0]


def most_coherent_pair(columns: np.ndarray) -> tuple[float, tuple[int, int]]:
    """The coherence and the two columns that have it."""
    unit, _ = unit_columns(columns)
    cosines = np.abs(unit.T @ unit - np.diag(np.sum(unit**2, axis=0)))
    first, second = np.unravel_index(np.argmax(cosines), cosines.shape)
    return float(cosines[first, second]), (int(first), int(second))


def supports(columns: int, size: int) -> Iterator[np.ndarray]:
    """All sets of ``size`` columns as index arrays (n, size), in pieces."""
    sets = combinations(range(columns), size)
    while piece := list(islice(sets, _CHUNK)):
        yield np.array(piece, int).reshape(-1, size)


def support(code: np.ndarray) -> np.ndarray:
    """(K,) bool: the entries of a code (K,) that are not rounding of the solver."""
    return np.abs(code) > TIE * np.abs(code).max(initial=0.0)

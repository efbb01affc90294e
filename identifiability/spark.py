r"""Spark: the least number of dependent columns, exact or as bounds.

It is NP-hard in general (Tillmann & Pfetsch 2014, arXiv:1205.2081): decided exactly where the
search is small enough, bounded elsewhere, and the answer says which of the two it is (theory.md
R2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, comb

import numpy as np

from identifiability.sparsity import DEPENDENT, INDEPENDENT, coherence, supports, unit_columns


@dataclass(frozen=True, eq=False)
class Spark:
    """Least number of dependent columns, or the bounds that a search within its limit leaves.

    Parameters
    ----------
    at_least, at_most
        Equal where the spark is known; K + 1 stands for independent columns.
    margin
        Smallest singular value met among the sets of unit columns found independent; NaN if none
        was decomposed.
    vector
        (K,) kernel vector with ``at_most`` entries; None for independent columns.
    decided_by
        How, in words.
    """

    at_least: int
    at_most: int
    margin: float
    vector: np.ndarray | None
    decided_by: str

    def exceeds(self, size: int) -> bool | None:
        """Whether every ``size`` columns are independent; None if undecided."""
        if self.at_least > size:
            return True
        return False if self.at_most <= size else None


def spark(columns: np.ndarray, *, up_to: int, limit: int) -> Spark:
    """Spark of (M, K), exact as far as ``up_to`` where at most ``limit`` sets need a look.

    By singular values of all sets of 2, 3, ... columns; bounded below by coherence (spark is at
    least 1 + 1/mu, Donoho & Elad 2003) and above by the kernel vectors that express each column by
    a well-conditioned set of others.

    Parameters
    ----------
    columns
        (M, K), of any lengths, which do not matter.
    up_to
        Size of the largest sets of interest; a larger spark is only bounded.
    limit
        How many sets may be decomposed in all.
    """
    unit, lengths = unit_columns(columns)
    count = unit.shape[1]
    if not lengths.all():
        alone = np.eye(count)[int(np.argmin(lengths))]
        return Spark(1, 1, np.nan, alone, "a zero column")
    at_most, vector = _fundamental_circuit(unit)
    mu = coherence(unit)
    # A coherence of 1 to rounding is left to the pair's own singular value, 2 at the least.
    at_least = min(max(2, ceil(1 + 1 / max(mu, 1 / count) - 1e-9)), at_most)
    margin, looked, decided_by = np.nan, 0, "coherence bound"
    while at_least < at_most and at_least <= up_to:
        looked += comb(count, at_least)
        if looked > limit:
            decided_by = "bounds only: coherence below, rank above"
            weakest_of_all = np.linalg.svd(unit, compute_uv=False)[-1]
            if vector is None and weakest_of_all > INDEPENDENT:
                at_least, margin, decided_by = at_most, float(weakest_of_all), "rank"
            break
        smallest, weakest, kernel = _weakest(unit, at_least)
        decided_by = "all sets of columns"
        if smallest < INDEPENDENT:
            if smallest > DEPENDENT:
                decided_by = "not decided: a set of columns is dependent up to rounding"
                break
            at_most, vector = at_least, np.zeros(count)
            vector[weakest] = kernel
            break
        margin, at_least = float(np.nanmin([margin, smallest])), at_least + 1
    if at_least == at_most > up_to and looked == 0:
        decided_by = "rank"
    if vector is not None:
        vector = vector / lengths
    return Spark(at_least, at_most, margin, vector, decided_by)


def _weakest(unit: np.ndarray, size: int) -> tuple[float, np.ndarray, np.ndarray]:
    """The set of ``size`` columns with the smallest singular value, and the vector that has it."""
    smallest, weakest, kernel = np.inf, np.arange(size), np.zeros(size)
    for sets in supports(unit.shape[1], size):
        parts = unit[:, sets].swapaxes(0, 1)  # (n, M, size)
        values = np.linalg.svd(parts, compute_uv=False)
        if size > unit.shape[0]:
            values = np.zeros((len(sets), 1))
        place = int(np.argmin(values[:, -1]))
        if values[place, -1] < smallest:
            smallest, weakest = float(values[place, -1]), sets[place]
    if smallest < INDEPENDENT:
        kernel = np.linalg.svd(unit[:, weakest])[2][-1]
    return smallest, weakest, kernel


def _fundamental_circuit(unit: np.ndarray) -> tuple[int, np.ndarray | None]:
    """Entries of the sparsest kernel vector that expresses one column by a pivoted basis."""
    from scipy.linalg import qr, solve_triangular

    _, triangle, order = qr(unit, mode="economic", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(triangle)) > DEPENDENT))
    count = unit.shape[1]
    if rank == count:
        return count + 1, None
    weights = solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
    weights[np.abs(weights) < DEPENDENT * np.abs(weights).max(axis=0)] = 0.0
    sparsest = int(np.argmin(np.count_nonzero(weights, axis=0)))
    vector = np.zeros(count)
    vector[order[:rank]], vector[order[rank + sparsest]] = -weights[:, sparsest], 1.0
    return int(np.count_nonzero(vector)), vector

r"""How dependent the columns of a matrix are: coherence, spark, null-space property.

Spark and null-space property are NP-hard in general (Tillmann & Pfetsch 2014, arXiv:1205.2081).
Each is decided exactly where the search is small enough, bounded elsewhere, and the answer says
which of the two it is (theory.md R2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product
from math import ceil, comb

import numpy as np

# Smallest singular value of unit columns: below the first they are dependent to float64 rounding;
# above the second, rounding of the response moves a code by less than 1e-8. Between, no answer.
DEPENDENT, INDEPENDENT = 1e-10, 1e-8
_CHUNK = 4096  # supports decomposed at once: a few megabytes
# The solver of the linear programs meets constraints to 1e-7; a share this near to one half counts
# as one half, where l1 has a tie at best.
TIE = 1e-6
_ASCENTS = 20  # alternating ascent climbs among finitely many vertices and stops in a few steps


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


@dataclass(frozen=True, eq=False)
class KernelShare:
    """gamma_k, the largest share of the l1 norm of a kernel vector in k entries, or bounds.

    ``vector`` (K,) is a kernel vector whose k largest entries have the share ``at_least``.
    """

    at_least: float
    at_most: float
    vector: np.ndarray | None
    decided_by: str

    @property
    def below_half(self) -> bool | None:
        """The null-space property; a share within rounding of one half does not have it."""
        if self.at_most < 0.5 - TIE:
            return True
        return False if self.at_least >= 0.5 - TIE else None


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


def spark(columns: np.ndarray, *, up_to: int, limit: int) -> Spark:
    """Spark of (M, K), exact as far as ``up_to`` where at most ``limit`` sets need a look.

    By singular values of all sets of 2, 3, ... columns; bounded below by coherence (spark is at
    least 1 + 1/mu, Donoho & Elad 2003) and above by the kernel vectors that express each column by
    a well-conditioned set of others.
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


def kernel_share(columns: np.ndarray, size: int, *, limit: int) -> KernelShare:
    """gamma_k for k = ``size``, in as far as ``limit`` linear programs tell.

    Above: k mu/(1 + mu) for unit columns; and the sum of the k largest of the shares that single
    entries can have, one linear program each (Juditsky & Nemirovski 2011, arXiv:0809.2650). Below:
    kernel vectors found by alternating between signs and vector. What is still open is settled by
    one linear program for each support and signs that those sums leave possible.
    """
    count = columns.shape[1]
    if np.linalg.matrix_rank(columns, tol=DEPENDENT * np.linalg.norm(columns, 2)) == count:
        return KernelShare(0.0, 0.0, None, "rank: the kernel is 0")
    size = min(size, count)
    unit = bool(np.allclose(np.linalg.norm(columns, axis=0), 1, rtol=0, atol=1e-9))
    mu = coherence(columns) if unit else 1.0
    bound = size * mu / (1 + mu) if unit else 1.0
    if bound < 0.5 - TIE:
        return KernelShare(0.0, bound, None, "coherence bound")
    if count > limit:
        return KernelShare(0.0, min(bound, 1.0), None, "bounds only: coherence")
    program = _Program(columns)
    singles = [program.largest(np.eye(count)[i]) for i in range(count)]
    alone = np.array([vector[i] for i, vector in enumerate(singles)])
    best = max((_climb(program, v, size) for v in singles), key=lambda v: _share(v, size))
    bound = min(bound, float(np.sort(alone)[-size:].sum()))
    found = KernelShare(_share(best, size), bound, best, "linear programs, one for each entry")
    if found.below_half is not None or comb(count, size) * 2 ** (size - 1) > 50 * limit:
        return found
    left = [s for s in combinations(range(count), size) if alone[list(s)].sum() >= 0.5 - TIE]
    if len(left) * 2 ** (size - 1) > limit:
        return found
    for chosen, signs in product(left, product((1.0, -1.0), repeat=size - 1)):
        weights = np.zeros(count)
        weights[list(chosen)] = (1.0, *signs)
        vector = program.largest(weights)
        if _share(vector, size) > _share(best, size):
            best = vector
    value = _share(best, size)
    exact = max(value, min(bound, 0.5 - 2 * TIE)) if value < 0.5 - TIE else bound
    return KernelShare(value, exact, best, "linear programs over all supports and signs")


class _Program:
    """Maximises a linear form over kernel vectors of l1 norm at most 1."""

    def __init__(self, columns: np.ndarray) -> None:
        from scipy.sparse import csr_array

        self.equations = csr_array(np.hstack([columns, -columns]))
        self.total = csr_array(np.ones((1, 2 * columns.shape[1])))

    def largest(self, weights: np.ndarray) -> np.ndarray:
        """(K,) where ``weights @ vector`` is largest."""
        from scipy.optimize import linprog

        found = linprog(
            -np.hstack([weights, -weights]),
            A_eq=self.equations,
            b_eq=np.zeros(self.equations.shape[0]),
            A_ub=self.total,
            b_ub=np.ones(1),
        )
        if found.status != 0:
            raise ArithmeticError(f"a linear program was not solved: {found.message}")
        positive, negative = np.split(found.x, 2)
        return positive - negative


def _share(vector: np.ndarray, size: int) -> float:
    sizes = np.sort(np.abs(vector))[::-1]
    total = sizes.sum()
    return float(sizes[:size].sum() / total) if total > TIE else 0.0


def _climb(program: _Program, vector: np.ndarray, size: int) -> np.ndarray:
    """Raise the share by optimising for the signs of the k largest entries, until it stays."""
    for _ in range(_ASCENTS):
        largest = np.argsort(-np.abs(vector))[:size]
        weights = np.zeros(vector.size)
        weights[largest] = np.sign(vector[largest])
        better = program.largest(weights)
        if _share(better, size) <= _share(vector, size) + TIE:
            break
        vector = better
    return vector

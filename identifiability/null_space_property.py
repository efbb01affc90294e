r"""Null-space property: whether l1 finds every code of k entries, exact or as bounds.

It is NP-hard in general (Tillmann & Pfetsch 2014, arXiv:1205.2081): decided where linear programs
for single entries or for all supports and signs settle it, bounded elsewhere (theory.md R2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np

from identifiability.sparsity import DEPENDENT, TIE, coherence

_ASCENTS = 20  # alternating ascent climbs among finitely many vertices and stops in a few steps


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


def kernel_share(columns: np.ndarray, size: int, *, limit: int) -> KernelShare:
    """gamma_k for k = ``size``, in as far as ``limit`` linear programs tell.

    Above: k mu/(1 + mu) for columns of one length; and the sum of the k largest of the shares that
    single entries can have, one linear program each (Juditsky & Nemirovski 2011, arXiv:0809.2650).
    Below: kernel vectors found by alternating between signs and vector. What is still open is
    settled by one linear program for each support and signs that those sums leave possible.

    Parameters
    ----------
    columns
        (M, K); a common factor does not matter, their relative lengths do.
    size
        k, at least 1.
    limit
        How many linear programs may be solved in all.

    Raises
    ------
    ArithmeticError
        If the solver gives up on a linear program; each has a solution.
    """
    count = columns.shape[1]
    if np.linalg.matrix_rank(columns, tol=DEPENDENT * np.linalg.norm(columns, 2)) == count:
        return KernelShare(0.0, 0.0, None, "rank: the kernel is 0")
    lengths = np.linalg.norm(columns, axis=0)
    longest, size = lengths.max(), min(size, count)
    # The solver's tolerances are absolute. Without a single length the rank alone bounds.
    columns = columns / longest if longest > 0 else columns
    bound = 1.0
    if np.allclose(lengths, longest, rtol=1e-9, atol=0) and longest > 0:
        mu = coherence(columns)
        bound = min(1.0, size * mu / (1 + mu))
    if bound < 0.5 - TIE:
        return KernelShare(0.0, bound, None, "coherence bound")
    if count > limit:
        return KernelShare(0.0, bound, None, "bounds only: coherence")
    program = _Program(columns, limit)
    singles = [program.largest(np.eye(count)[i]) for i in range(count)]
    alone = np.array([vector[i] for i, vector in enumerate(singles)])
    bound = min(bound, float(np.sort(alone)[-size:].sum()))
    best = _highest(program, singles, size) if bound >= 0.5 - TIE else singles[0]
    best = max(best, *singles, key=lambda v: _share(v, size))
    found = KernelShare(_share(best, size), bound, best, "linear programs, one for each entry")
    if found.below_half is not None or comb(count, size) > 50 * limit:
        return found
    left = [s for s in combinations(range(count), size) if alone[list(s)].sum() >= 0.5 - TIE]
    if len(left) * 2 ** (size - 1) > program.left:
        return found
    for chosen, signs in product(left, product((1.0, -1.0), repeat=size - 1)):
        weights = np.zeros(count)
        weights[list(chosen)] = (1.0, *signs)
        best = max(best, program.largest(weights), key=lambda v: _share(v, size))
    value = _share(best, size)
    exact = max(value, min(bound, 0.5 - 2 * TIE)) if value < 0.5 - TIE else bound
    return KernelShare(value, exact, best, "linear programs over all supports and signs")


class _Program:
    """Maximises a linear form over kernel vectors of l1 norm at most 1, and counts how often."""

    def __init__(self, columns: np.ndarray, limit: int) -> None:
        from scipy.sparse import csr_array

        self.equations = csr_array(np.hstack([columns, -columns]))
        self.total = csr_array(np.ones((1, 2 * columns.shape[1])))
        self.left = limit

    def largest(self, weights: np.ndarray) -> np.ndarray:
        """(K,) where ``weights @ vector`` is largest."""
        from scipy.optimize import linprog

        self.left -= 1
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


def _highest(program: _Program, starts: list[np.ndarray], size: int) -> np.ndarray:
    """The best that climbing finds with half of the programs left; a share of one half will do."""
    kept, best = program.left // 2, starts[0]
    for start in sorted(starts, key=lambda v: -_share(v, size)):
        if program.left - _ASCENTS < kept or _share(best, size) >= 0.5 - TIE:
            break
        best = max(best, _climb(program, start, size), key=lambda v: _share(v, size))
    return best


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

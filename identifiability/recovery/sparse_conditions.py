r"""What decides whether *every* sparse code comes back, checked before any is estimated.

Spark, kernel, null-space property and coherence speak of B = JD alone, and of its worst code
(theory.md R2). What a response at hand allows is another question: ``sparse_response``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.sparse_codes import exact_recovery_coefficient, explanations
from identifiability.sparsity import (
    DEPENDENT,
    INDEPENDENT,
    TIE,
    Spark,
    kernel_share,
    most_coherent_pair,
    spark,
    supports,
    unit_columns,
)
from identifiability.verdict import Condition, Prediction

TWO_EXPLAIN = "two k-sparse explanations"
ONE_VECTOR = "one vector, two codes"
MISSES = {"l1": "l1 misses the only k-sparse code", "omp": "greedy choice outside the support"}
# 1 - cosine of two atoms 1e-7 radians apart, and some units of rounding of a cosine.
_COLLINEAR = 1e-14
_PROGRAM = 100  # one linear program takes about as long as a hundred sets of columns


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """Columns as the solver sees them, and the limits of the search.

    ``columns`` (M, K) is JD, of unit columns if normalised; a code in their scale is divided by
    ``scale`` (K,) to be one of the dictionary.
    """

    seen: np.ndarray  # J D (M, K)
    dictionary: np.ndarray  # D (d, K)
    response: np.ndarray  # (M,)
    sparsity: int
    method: str
    error: float
    allowed: float
    limit: int
    columns: np.ndarray
    scale: np.ndarray

    @cached_property
    def unit(self) -> np.ndarray:
        """(M, K) of length 1, whatever the solver uses."""
        return unit_columns(self.seen)[0]

    @cached_property
    def spark(self) -> Spark:
        """Of JD, as far as 2k; the vector is a kernel vector of JD."""
        return spark(self.seen, up_to=2 * self.sparsity, limit=self.limit)

    @cached_property
    def separation(self) -> float:
        """Smallest singular value of 2k unit columns of JD, or a lower bound; 0 if unknown."""
        if not self.spark.exceeds(2 * self.sparsity):
            return 0.0
        columns = min(2 * self.sparsity, self.unit.shape[1])
        mu = most_coherent_pair(self.unit)[0]
        by_coherence = float(np.sqrt(max(0.0, 1 - (columns - 1) * mu)))  # Gershgorin
        if np.isfinite(self.spark.margin):
            return max(by_coherence, self.spark.margin)
        if columns == self.unit.shape[1]:
            return float(np.linalg.svd(self.unit, compute_uv=False)[-1])
        return by_coherence

    @cached_property
    def explanations(self) -> np.ndarray | None:
        """Codes (n, K) in the scale of the dictionary; None if there are too many supports."""
        lengths = np.linalg.norm(self.seen, axis=0)
        found = explanations(
            self.unit, self.response, self.sparsity, self.allowed, limit=self.limit
        )
        return None if found is None else found / np.where(lengths > 0, lengths, 1.0)

    def same_vector(self, codes: np.ndarray) -> bool:
        """Whether codes (n, K) stand for one vector, to the tolerance of the search."""
        vectors = codes @ self.dictionary.T
        apart = np.linalg.norm(vectors - vectors[0], axis=1).max()
        return bool(apart <= 10 * TIE * np.linalg.norm(vectors[0]))


def require_distinct(atoms: np.ndarray) -> None:
    """Raise InvalidInput for a dictionary (d, K) with a zero atom or two collinear ones."""
    empty = np.flatnonzero(~np.any(atoms, axis=0))
    if empty.size:
        raise InvalidInput(f"dictionary must have no zero atom, got one at {empty[0]}; drop it")
    cosine, (first, second) = most_coherent_pair(atoms)
    if 1 - cosine < _COLLINEAR:
        raise InvalidInput(
            f"dictionary must have no collinear atoms, got {first} and {second}; drop one of them, "
            "which loses no vector"
        )


def every_code(problem: SparseProblem) -> tuple[list[Condition], Prediction]:
    """Conditions on JD and k alone, and what they say of the worst code of k entries."""
    k, found = problem.sparsity, problem.spark
    alone = _spark_condition(problem, 2 * k, "every code of k entries has an image of its own")
    almost = _spark_condition(problem, k + 1, "almost every code of k entries is the only one")
    kernel = _kernel_condition(problem)
    solver = _null_space_property(problem) if problem.method == "l1" else _all_supports(problem)
    checks = [alone, almost, kernel, solver, _coherence(problem)]
    support = () if found.vector is None else tuple(np.flatnonzero(found.vector).tolist())
    affected = (support,) if alone.holds is False else ()
    if kernel.holds is False:
        return checks, Prediction(False, TWO_EXPLAIN, affected)
    if alone.holds is False:
        return checks, Prediction(False, ONE_VECTOR, affected)
    if solver.holds is False:
        return checks, Prediction(False, MISSES[problem.method])
    return checks, all_decided(alone, solver)


def all_decided(*conditions: Condition) -> Prediction:
    """Recovery, unless one of the conditions is open."""
    open_ones = [c.name for c in conditions if c.holds is None]
    if open_ones:
        return Prediction(None, f"undecided: {', '.join(open_ones)}")
    return Prediction(True)


def _spark_condition(problem: SparseProblem, size: int, statement: str) -> Condition:
    found, name = problem.spark, "2k" if size == 2 * problem.sparsity else "k + 1"
    holds = found.exceeds(min(size, problem.seen.shape[1]))
    return Condition(
        f"spark(JD) > {name}",
        statement,
        holds,
        statistic=float(found.at_least),
        threshold=float(size),
        reason="fewer dependent columns make two codes of one image (Donoho & Elad 2003)",
        interval=(float(found.at_least), float(found.at_most)),
        decided_by=found.decided_by,
    )


def _kernel_condition(problem: SparseProblem) -> Condition:
    """By the spark where that settles it, else by ranks of 2k columns before and after J."""
    found, K = problem.spark, problem.seen.shape[1]
    size = min(2 * problem.sparsity, K)
    holds, lost, decided_by = found.exceeds(size), None, found.decided_by
    if holds is False and found.vector is not None:
        terms = problem.dictionary * found.vector
        if np.linalg.norm(terms.sum(axis=1)) > INDEPENDENT * np.linalg.norm(terms):
            decided_by = f"a vector of ker J, by {np.count_nonzero(found.vector)} atoms"
        elif comb(K, size) > problem.limit:
            holds, decided_by = None, "bounds only"
        else:
            lost, decided_by = float(_supports_losing_rank(problem, size)), "all sets of 2k atoms"
            holds = lost == 0
    return Condition(
        "ker J meets D Sigma_2k only in 0",
        "every vector of k atoms is the only one, even if it has several codes",
        holds,
        statistic=lost,
        threshold=None if lost is None else 0.0,
        reason="supports on which J loses rank",
        decided_by=decided_by,
    )


def _supports_losing_rank(problem: SparseProblem, size: int) -> int:
    atoms = unit_columns(problem.dictionary)[0]
    lost = 0
    for sets in supports(atoms.shape[1], size):
        ranks = [
            np.sum(np.linalg.svd(m[:, sets].swapaxes(0, 1), compute_uv=False) > DEPENDENT, axis=1)
            for m in (atoms, problem.unit)
        ]
        lost += int(np.sum(ranks[1] < ranks[0]))
    return lost


def _null_space_property(problem: SparseProblem) -> Condition:
    found = kernel_share(problem.columns, problem.sparsity, limit=problem.limit // _PROGRAM)
    return Condition(
        "null-space property of order k",
        "l1 finds every code of k entries",
        found.below_half,
        statistic=found.at_most if found.below_half else found.at_least,
        threshold=0.5,
        reason="share of the l1 norm in k entries of a kernel vector (Gribonval & Nielsen 2003)",
        interval=(found.at_least, found.at_most),
        decided_by=found.decided_by,
    )


def _all_supports(problem: SparseProblem) -> Condition:
    """Tropp's exact recovery condition on every support."""
    count = problem.unit.shape[1]
    size = min(problem.sparsity, count)
    mu = most_coherent_pair(problem.unit)[0]
    if problem.sparsity * mu < (1 + mu) / 2 - TIE:
        largest: float | None = size * mu / (1 - (size - 1) * mu)
        decided_by = "coherence bound"
    elif comb(count, size) <= problem.limit:
        found = [exact_recovery_coefficient(problem.unit, s).max() for s in supports(count, size)]
        largest, decided_by = float(max(found)), "all supports"
    else:
        largest, decided_by = None, "not decided: too many supports"
    return Condition(
        "exact recovery condition",
        "orthogonal matching pursuit finds every code of k entries",
        None if largest is None else largest < 1 - TIE,
        statistic=largest,
        threshold=1.0,
        reason="above 1 a wrong atom correlates best with some response (Tropp 2004)",
        decided_by=decided_by,
    )


def _coherence(problem: SparseProblem) -> Condition:
    mu, pair = most_coherent_pair(problem.unit)
    bound = (1 + 1 / mu) / 2 if mu > 0 else np.inf
    return Condition(
        "coherence",
        f"k < (1 + 1/mu)/2 with mu = {mu:.3g}, of columns {pair[0]} and {pair[1]}",
        problem.sparsity < bound - TIE,
        statistic=float(problem.sparsity),
        threshold=float(bound),
        reason="sufficient, and far from necessary (Donoho & Elad 2003, Tropp 2004)",
        decided_by="all pairs",
    )

r"""What decides whether *every* sparse code comes back, checked before any is estimated.

Spark, kernel, null-space property and coherence speak of B = JD alone, and of its worst code
(theory.md R2). What a response at hand allows is another question: ``sparse_response``.
"""

from __future__ import annotations

from math import comb

import numpy as np

from identifiability.null_space_property import kernel_share
from identifiability.recovery.sparse_problem import SparseProblem
from identifiability.sparse_codes import exact_recovery_coefficient
from identifiability.sparsity import (
    DEPENDENT,
    INDEPENDENT,
    TIE,
    supports,
    unit_columns,
)
from identifiability.verdict import Condition, Prediction

TWO_EXPLAIN = "two k-sparse explanations"
ONE_VECTOR = "one vector, two codes"
MISSES = {"l1": "l1 misses the only k-sparse code", "omp": "greedy choice outside the support"}
# A linear program takes as long as this many sets of columns, and as much again for each so many
# entries of its matrix (2 ms for 8 x 14, 25 ms for 64 x 192; a set takes some 15 microseconds).
# With the second number four times what was measured, the default limit stands for a second.
_PROGRAM, _ENTRIES = 100, 32


def every_code(problem: SparseProblem) -> tuple[list[Condition], Prediction]:
    """Conditions on JD and k alone, and what they say of the worst code of k entries."""
    k, found = problem.sparsity, problem.spark
    alone = _spark_condition(problem, "2k", 2 * k, "every code of k entries has its own image")
    almost = _spark_condition(problem, "k + 1", k + 1, "almost every code of k entries is unique")
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


def _spark_condition(problem: SparseProblem, name: str, size: int, statement: str) -> Condition:
    found = problem.spark
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
    cost = _PROGRAM + problem.columns.size // _ENTRIES
    found = kernel_share(problem.columns, problem.sparsity, limit=problem.limit // cost)
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
    mu = problem.most_coherent[0]
    if not problem.unit.any(axis=0).all():
        largest: float | None = np.inf
        decided_by = "an atom in ker J is never chosen"
    elif problem.sparsity * mu < (1 + mu) / 2 - TIE:
        largest = size * mu / (1 - (size - 1) * mu)
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
    mu, pair = problem.most_coherent
    bound = (1 + 1 / mu) / 2 if mu > 0 else np.inf
    hidden = np.flatnonzero(~problem.unit.any(axis=0))
    of = f", of columns {pair[0]} and {pair[1]}" if mu > 0 else ": no two columns overlap"
    if hidden.size:
        of += f"; but column {hidden[0]} is 0"
    return Condition(
        "coherence",
        f"k < (1 + 1/mu)/2 with mu = {mu:.3g}{of}",
        bool(hidden.size == 0 and problem.sparsity < bound - TIE),
        statistic=float(problem.sparsity),
        threshold=float(bound),
        reason="sufficient, and far from necessary (Donoho & Elad 2003, Tropp 2004)",
        decided_by="all pairs",
    )

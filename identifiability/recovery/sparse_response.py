r"""Whether the sparse code behind *this* response comes back, checked before it is estimated.

How many codes of k entries explain the response, by looking at every support where that is
feasible; and whether the method would find the only one. A response may well be decoded though some
other could not be: a generic code needs k + 1 rows where the worst one needs 2k (theory.md R2).

A response off the span of JD, beyond the stated error, has no code of any size: that is a failure
that was seen, where least squares, which assumes nothing but the error, leaves it undecided.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.recovery.sparse_conditions import (
    MISSES,
    ONE_VECTOR,
    TWO_EXPLAIN,
    all_decided,
)
from identifiability.recovery.sparse_problem import SparseProblem
from identifiability.sparse_codes import exact_recovery_coefficient, l1_certificate
from identifiability.sparsity import TIE, support
from identifiability.verdict import Condition, Prediction

NONE_EXPLAINS = "no k-sparse code explains the response"
NOISE = "noise against the entries"


def this_response(
    problem: SparseProblem, consistent: Condition, uniform: Sequence[Condition]
) -> tuple[list[Condition], Prediction]:
    """Conditions on the response at hand, and what is predicted for it."""
    found = problem.explanations
    one = Condition(
        "one sparse explanation",
        "exactly one code of at most k entries explains the response",
        None if found is None else len(found) == 1,
        statistic=None if found is None else float(len(found)),
        threshold=1.0,
        reason="counted up to 8; two or more cannot be told apart",
        decided_by="not decided: too many supports" if found is None else "all supports",
    )
    checks = [consistent, one]
    if consistent.holds is False:
        return checks, Prediction(False, NONE_EXPLAINS)
    if found is None:
        return checks, _without_search(problem, uniform)
    if len(found) == 0:
        return checks, Prediction(False, NONE_EXPLAINS)
    if len(found) > 1:
        on = tuple(tuple(np.flatnonzero(support(z)).tolist()) for z in found)
        if problem.within_error(found):
            return checks, Prediction(None, f"undecided: {NOISE}", on)
        several = ONE_VECTOR if problem.same_vector(found) else TWO_EXPLAIN
        return checks, Prediction(False, several, on)
    code = found[0] * problem.scale
    judge = _l1_finds if problem.method == "l1" else _greedy_finds
    more, prediction = judge(problem, code)
    return [*checks, *more], prediction


def _without_search(problem: SparseProblem, uniform: Sequence[Condition]) -> Prediction:
    """Without a search only what holds for every code holds for this one, if it is k-sparse."""
    if problem.error > 0:
        return Prediction(None, f"undecided: {NOISE}")
    needed = {"spark(JD) > 2k", "null-space property of order k", "exact recovery condition"}
    if all(c.holds for c in uniform if c.name in needed):
        return Prediction(True)
    return Prediction(None, "undecided: one sparse explanation")


def _l1_finds(problem: SparseProblem, code: np.ndarray) -> tuple[list[Condition], Prediction]:
    level, size = l1_certificate(problem.columns, code)
    holds = True if level < 1 - TIE else False if level > 1 + TIE else None
    certificate = Condition(
        "dual certificate",
        "l1 returns the only code of k entries that explains this response",
        holds,
        statistic=level,
        threshold=1.0,
        reason="largest |<b_j, w>| off the support, <b_i, w> = sign z_i on it (Fuchs 2004)",
        decided_by="linear program",
    )
    if holds is not True or problem.error == 0:
        return [certificate], _found(problem, certificate)
    on = support(code)
    smallest = np.linalg.svd(problem.columns[:, on], compute_uv=False)[-1] if on.any() else 1.0
    # h = found - code: off the support (1 - t)||h||_1 <= |<w, Bh>| <= 2 eta ||w||, and then on it.
    off = 2 * problem.error * size / (1 - level)
    widest = float(np.linalg.norm(problem.columns, axis=0).max())
    noise = _noise(problem, code, max(off, (2 * problem.error + widest * off) / smallest))
    return [certificate, noise], _found(problem, certificate, noise)


def _greedy_finds(problem: SparseProblem, code: np.ndarray) -> tuple[list[Condition], Prediction]:
    on = support(code)
    if not on.any():
        return [], Prediction(True)
    coefficient = float(exact_recovery_coefficient(problem.columns, np.flatnonzero(on)[None])[0])
    aligned = np.abs(problem.columns.T @ problem.response)
    first = float(aligned[~on].max(initial=0.0) / max(aligned[on].max(), np.finfo(float).tiny))
    holds = True if coefficient < 1 - TIE else False if first > 1 + TIE else None
    greedy = Condition(
        "greedy choices",
        "every greedy choice for this support is an atom of it; or the first one is not",
        holds,
        statistic=coefficient if holds is not False else first,
        threshold=1.0,
        reason="exact recovery coefficient of the support (Tropp 2004); below 1 no choice fails",
        decided_by="the support of the only explanation",
    )
    if holds is not True or problem.error == 0:
        return [greedy], _found(problem, greedy)
    smallest = np.linalg.svd(problem.columns[:, on], compute_uv=False)[-1] ** 2
    # Cai & Wang 2011, doi:10.1109/TIT.2011.2146090: entries above 2 eta/((1 - M) lambda) are found.
    noise = _noise(problem, code, problem.error / ((1 - coefficient) * float(smallest)))
    return [greedy, noise], _found(problem, greedy, noise)


def _noise(problem: SparseProblem, code: np.ndarray, error: float) -> Condition:
    # With fewer than k entries seen, a further one may be as small as it likes.
    least = float(np.sort(np.abs(code))[-min(problem.sparsity, code.size)]) / 2
    return Condition(
        NOISE,
        "noise moves no entry by half of the smallest of k",
        True if error < least else None,
        statistic=error,
        threshold=least,
        reason="then the k largest entries are those of the support; sufficient only",
        decided_by="bound from the stated noise",
    )


def _found(problem: SparseProblem, *conditions: Condition) -> Prediction:
    if any(c.holds is False for c in conditions):
        return Prediction(False, MISSES[problem.method])
    return all_decided(*conditions)

"""The rules by which a measurement confirms or refutes a prediction.

Margins are set here, from theory.md section 4, before anything is measured. A verdict compares an
interval with a margin: inside it the claim is confirmed, outside it refuted, and across its edge
the data do not decide. No difference found is never read as equivalence.

Every judged row is two one-sided tests at 2.5 %, at its own level; ``family.py`` draws the rows of
a claim together. Where a band has two edges, ``p_refute`` is twice the smaller of the two p-values
(Bonferroni): a band much narrower than the interval can be missed on either side.
"""

from __future__ import annotations

import math

import numpy as np

from identifiability.statistics import Interval
from llm_validation.claims.claim import Judgement, Outcome

EPSILON = 0.01
"""Nats; fewer than 269 samples cannot tell on any test that keeps the sum of its two errors at 0.05
(N7 with Vajda's constant; Bretagnolle--Huber's gives 230). As many need not be enough."""

EPSILONS = (0.1, EPSILON, 0.001)
"""Nats: the tolerance of the claims and a factor of ten each way."""

LOG_BAND = math.log(2)
"""A predicted KL or ratio is confirmed within a factor of two: the second-order term alone is
meant, and at the strengths judged the next one may reach half of it."""

FIRST_ORDER_STRENGTH = 0.5
"""Largest strength at which a predicted KL or ratio is judged against its band; beyond it both are
reported, without a verdict. An upper limit in nats needs no prediction and is judged throughout."""

ABOVE_FLOOR = 400.0
"""KL is quadratic in the logits, so rounding that alone shows a KL of f changes a KL of K by up to
f + 2 sqrt(f K), through the cross term: a tenth at K = 400 f, small against a factor of two."""

EQUIVALENCE_FRACTION = 0.2
"""Behaviour is the same where the effect differs by less than this share of v's own."""

RECOVERED = 0.95
"""Cosine from which on a vector counts as recovered: nine tenths of its energy."""

COSINE_MARGIN = 0.1
"""Of a predicted cosine. The two readings that matter, recovered and mostly lost, are farther
apart than that."""

ROUNDING = (1e-3, 1e-6)
"""Relative and absolute: by so much ends of intervals may differ between machines, libraries and
numbers of threads (docs/robustness.md). A verdict that this could change says so."""

FEWEST_CLUSTERS = 6
"""Below, the ends of a bootstrap are missed by 5 % to 32 % where 2.5 % is meant (400 normal samples
of 2 to 5 clusters), and the t distribution behind its p-values has hardly any degrees left."""

TEST_LEVEL = 0.025
"""Of each one-sided test, and of each kind of error over all claims of a run."""


def within(value: Interval, low: float, high: float, what: str) -> Judgement:
    """Verdict on a value that must lie in a band."""
    if reason := _no_level(value):
        return Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    found = f"{what} in [{value.low:+.3g}, {value.high:+.3g}]"
    edges, near = f"[{low:.3g}, {high:.3g}]", _at_margin(value, low, high)
    p_confirm = max(_p_above(value, low), _p_below(value, high))
    p_refute = min(1.0, 2 * min(_p_beyond(value, below=low), _p_beyond(value, above=high)))
    if low <= value.low and value.high <= high:
        reason = f"{found}, inside {edges}{near}"
        return Judgement(Outcome.CONFIRMED, reason, p_confirm, p_refute)
    if value.low > high or value.high < low:
        reason = f"{found}, outside {edges}{near}"
        return Judgement(Outcome.REFUTED, reason, p_confirm, p_refute)
    reason = f"{found}, across an edge of {edges}: more prompts needed{near}"
    return Judgement(Outcome.INCONCLUSIVE, reason, p_confirm, p_refute)


def within_band(log_ratio: Interval, band: float = LOG_BAND) -> Judgement:
    """Verdict on log(measured/predicted) against a symmetric band around zero."""
    return within(log_ratio, -band, band, "log(measured/predicted)")


def at_most(value: Interval, limit: float, unit: str) -> Judgement:
    """Verdict on an upper limit; the interval's ends are one-sided bounds."""
    if reason := _no_level(value):
        return Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    bound, near = f"one-sided {100 * (1 + value.level) / 2:.1f} % bound", _at_margin(value, limit)
    p_confirm, p_refute = _p_below(value, limit), _p_beyond(value, above=limit)
    if value.high <= limit:
        reason = f"upper {bound} {value.high:.2g} <= {limit:g} {unit}{near}"
        return Judgement(Outcome.CONFIRMED, reason, p_confirm, p_refute)
    if value.low > limit:
        reason = f"lower {bound} {value.low:.2g} > {limit:g} {unit}{near}"
        return Judgement(Outcome.REFUTED, reason, p_confirm, p_refute)
    reason = (
        f"[{value.low:.2g}, {value.high:.2g}] holds {limit:g} {unit}: more prompts needed{near}"
    )
    return Judgement(Outcome.INCONCLUSIVE, reason, p_confirm, p_refute)


def at_least(value: Interval, limit: float, unit: str) -> Judgement:
    """Verdict on a lower limit."""
    if reason := _no_level(value):
        return Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    bound, near = f"one-sided {100 * (1 + value.level) / 2:.1f} % bound", _at_margin(value, limit)
    p_confirm, p_refute = _p_above(value, limit), _p_beyond(value, below=limit)
    if value.low >= limit:
        reason = f"lower {bound} {value.low:.3g} >= {limit:g} {unit}{near}"
        return Judgement(Outcome.CONFIRMED, reason, p_confirm, p_refute)
    if value.high < limit:
        reason = f"upper {bound} {value.high:.3g} < {limit:g} {unit}{near}"
        return Judgement(Outcome.REFUTED, reason, p_confirm, p_refute)
    reason = (
        f"[{value.low:.3g}, {value.high:.3g}] holds {limit:g} {unit}: more prompts needed{near}"
    )
    return Judgement(Outcome.INCONCLUSIVE, reason, p_confirm, p_refute)


def share(successes: int, n: int, what: str, *, low: float = 0.0, high: float = 1.0) -> Judgement:
    """Verdict on a share of independent trials that must lie in a band.

    By the exact binomial interval (Clopper & Pearson, doi:10.1093/biomet/26.4.404), which has a
    level where all trials came out alike.
    """
    from scipy.stats import binomtest

    def p_above(limit: float) -> float:  # of the null "the share is at most limit"
        if limit <= 0:
            return 0.0 if successes > 0 or limit < 0 else 1.0
        return float(binomtest(successes, n, min(limit, 1.0), alternative="greater").pvalue)

    def p_below(limit: float) -> float:  # of the null "the share is at least limit"
        if limit >= 1:
            return 0.0 if successes < n or limit > 1 else 1.0
        return float(binomtest(successes, n, max(limit, 0.0), alternative="less").pvalue)

    p_confirm = max(p_above(low) if low > 0 else 0.0, p_below(high) if high < 1 else 0.0)
    edges_of_band = (low > 0) + (high < 1)
    p_refute = min(p_below(low) if low > 0 else 1.0, p_above(high) if high < 1 else 1.0)
    p_refute = min(1.0, edges_of_band * p_refute)
    found = f"{what}: {successes} of {n}"
    edges = f"[{low:.3g}, {high:.3g}]"
    if p_confirm <= TEST_LEVEL:
        return Judgement(Outcome.CONFIRMED, f"{found}, inside {edges}", p_confirm, p_refute)
    if p_refute <= TEST_LEVEL:
        return Judgement(Outcome.REFUTED, f"{found}, outside {edges}", p_confirm, p_refute)
    reason = f"{found}: too few to tell whether inside {edges}"
    return Judgement(Outcome.INCONCLUSIVE, reason, p_confirm, p_refute)


def on_every(values: np.ndarray, low: float, high: float, what: str) -> Judgement:
    """Verdict on an exact statement, such as a rank or a symmetry, about every instance.

    One instance outside refutes it. None outside confirms it of those that were measured and of no
    more: there is no test, and no p-value.
    """
    inside = (low <= values) & (values <= high)
    if low == high:
        where = f"{low:.8g}"
    elif np.isneginf(low):
        where = f"at most {high:.8g}"
    elif np.isposinf(high):
        where = f"at least {low:.8g}"
    else:
        where = f"in [{low:.8g}, {high:.8g}]"
    if inside.all():
        reason = f"{what} {where} in {values.size} of {values.size} instances"
        return Judgement(Outcome.CONFIRMED, reason)
    outside = values[~inside]
    reason = f"{what} {outside[0]:.8g}, not {where}, in {outside.size} of {values.size} instances"
    return Judgement(Outcome.REFUTED, reason)


def _at_margin(value: Interval, *limits: float) -> str:
    """Said of a verdict that rounding could change, empty of others."""
    relative, absolute = ROUNDING
    apart = (abs(end - limit) for end in (value.low, value.high) for limit in limits)
    if min(apart) <= absolute + relative * max(map(abs, limits)):
        return "; at its margin: other arithmetic could decide otherwise"
    return ""


def _no_level(value: Interval) -> str:
    """Why an interval decides nothing, empty if it may."""
    if value.degrees < (FEWEST_CLUSTERS - 1) / 2:
        return f"fewer than {FEWEST_CLUSTERS} clusters: such an interval does not keep its level"
    return ""


def _p_below(value: Interval, limit: float) -> float:
    """p of the null "at least limit". Where clusters do not vary at all an interval has no level:
    then it is about the median cluster, by the sign test."""
    if value.low < value.high:
        return value.p_at_least(limit)
    return _sign_test(value) if value.high <= limit else 1.0


def _sign_test(value: Interval) -> float:
    """That all n clusters lie on one side of their median; 1 where n is not known."""
    return 1.0 if math.isinf(value.degrees) else 0.5 ** round(2 * value.degrees + 1)


def _p_above(value: Interval, limit: float) -> float:
    """p of the null "at most limit", likewise."""
    if value.low < value.high:
        return value.p_at_most(limit)
    return _sign_test(value) if value.low >= limit else 1.0


def _p_beyond(value: Interval, *, below: float = -math.inf, above: float = math.inf) -> float:
    """p of the null "not outside of this limit"; a value that lies on the limit is not outside."""
    if value.low == value.high and not (value.high < below or value.low > above):
        return 1.0
    return _p_above(value, above) if math.isinf(below) else _p_below(value, below)


def reported(judgement: Judgement) -> Judgement:
    """The same for a row that is reported and not judged: beyond what the prediction covers."""
    return Judgement(None, judgement.reason)

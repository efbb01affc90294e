"""Bands and limits judge by whole intervals, and the p-values agree with the verdicts."""

import numpy as np
import pytest

from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Outcome
from llm_validation.claims.judgement import (
    EPSILON,
    LOG_BAND,
    TEST_LEVEL,
    at_least,
    at_most,
    on_every,
    share,
    within,
    within_band,
)


def _interval(center, spread, n=16):
    """Of the mean of a symmetric sample with that centre."""
    sample = center + spread * np.linspace(-1, 1, n)
    return cluster_bootstrap(lambda x: x.mean(axis=1), [sample], rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("center", "spread", "outcome"),
    [
        (0.05, 0.1, Outcome.CONFIRMED),
        (1.2, 0.1, Outcome.REFUTED),
        (-1.2, 0.1, Outcome.REFUTED),
        (LOG_BAND, 0.2, Outcome.INCONCLUSIVE),
        (0.0, 4.0, Outcome.INCONCLUSIVE),
    ],
)
def test_the_band_needs_the_whole_interval_inside_or_outside(center, spread, outcome):
    judgement = within_band(_interval(center, spread))
    assert judgement.outcome is outcome
    assert (judgement.p_confirm <= TEST_LEVEL) == (outcome is Outcome.CONFIRMED)
    assert (judgement.p_refute <= TEST_LEVEL) == (outcome is Outcome.REFUTED)


@pytest.mark.parametrize(
    ("center", "outcome"),
    [(0.5, Outcome.CONFIRMED), (2.0, Outcome.REFUTED), (1.0, Outcome.INCONCLUSIVE)],
)
def test_limits_are_judged_by_their_bounds(center, outcome):
    value = _interval(center * EPSILON, 0.1 * EPSILON)
    judgement = at_most(value, EPSILON, "nats")
    assert judgement.outcome is outcome
    opposite = {
        Outcome.CONFIRMED: Outcome.REFUTED,
        Outcome.REFUTED: Outcome.CONFIRMED,
        Outcome.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    }
    mirrored = at_least(value, EPSILON, "nats")
    assert mirrored.outcome is opposite[outcome]
    assert (mirrored.p_confirm, mirrored.p_refute) == (judgement.p_refute, judgement.p_confirm)
    if outcome is not Outcome.INCONCLUSIVE:
        assert "97.5 %" in judgement.reason


@pytest.mark.parametrize(
    ("low", "high", "outcome", "said"),
    [
        (3.0, 3.0, Outcome.REFUTED, "rank 4, not 3, in 1 of 2 instances"),
        (3.0, 4.0, Outcome.CONFIRMED, "rank in [3, 4] in 2 of 2 instances"),
        (-np.inf, 4.0, Outcome.CONFIRMED, "rank at most 4 in 2 of 2 instances"),
        (-np.inf, 2.0, Outcome.REFUTED, "rank 3, not at most 2, in 2 of 2 instances"),
        (3.5, np.inf, Outcome.REFUTED, "rank 3, not at least 3.5, in 1 of 2 instances"),
    ],
)
def test_one_exception_refutes_an_exact_statement(low, high, outcome, said):
    judgement = on_every(np.array([3.0, 4.0]), low, high, "rank")
    assert (judgement.outcome, judgement.reason) == (outcome, said)
    assert judgement.p_confirm is None and judgement.p_refute is None


def test_a_value_that_is_no_number_is_no_confirmation():
    assert on_every(np.array([1.0, np.nan]), 0.0, 2.0, "x").outcome is Outcome.REFUTED


@pytest.mark.parametrize(
    ("successes", "low", "high", "outcome"),
    [
        (24, 0.8, 1.0, Outcome.CONFIRMED),  # 0.8^24 = 0.5 %
        (6, 0.6, 1.0, Outcome.INCONCLUSIVE),
        (4, 0.5, 1.0, Outcome.REFUTED),
        (0, 0.0, 0.2, Outcome.CONFIRMED),  # 0.8^24 again
        (24, 0.0, 0.5, Outcome.REFUTED),
    ],
)
def test_a_share_is_judged_by_the_exact_binomial(successes, low, high, outcome):
    n = 6 if successes == 6 else 24
    found = share(successes, n, "found", low=low, high=high)
    assert found.outcome is outcome
    if (successes, low) == (24, 0.8):
        assert found.p_confirm == pytest.approx(0.8**24)


def test_few_clusters_decide_nothing_and_equal_ones_by_the_sign_test():
    assert within_band(_interval(0.0, 0.01, n=5)).outcome is Outcome.INCONCLUSIVE
    assert "fewer than 6 clusters" in within_band(_interval(0.0, 0.01, n=5)).reason
    assert within_band(_interval(0.0, 0.01, n=6)).outcome is Outcome.CONFIRMED
    constant = at_most(_interval(0.001, 0.0, n=8), EPSILON, "nats")
    assert constant.outcome is Outcome.CONFIRMED
    assert constant.p_confirm == 0.5**8  # the sign test: never a p of 0
    assert within_band(_interval(1.0, 0.0, n=8)).p_refute == 2 * 0.5**8


def test_a_band_can_be_missed_on_either_side():
    """And so one as narrow as nothing would be refuted twice as often as meant."""
    value = _interval(0.3, 1.0)
    narrow = within(value, -0.01, 0.01, "x").p_refute
    assert narrow == 2 * at_most(value, 0.01, "x").p_refute
    both = share(4, 24, "found", low=0.5, high=0.6).p_refute
    assert both == 2 * share(4, 24, "found", low=0.5).p_refute


@pytest.mark.parametrize(("shift", "said"), [(0.0005, True), (-0.0005, True), (0.05, False)])
def test_a_verdict_that_rounding_could_change_says_so(shift, said):
    """The end on the limit but for a twentieth or five times the stated tolerance."""
    value = _interval(0.0, 1.0)
    high = value.high * (1 + shift)
    low = value.low * (1 - shift)
    for judgement in (
        at_most(value, high, "x"),
        at_least(value, low, "x"),
        within(value, 2 * value.low, high, "x"),
    ):
        assert ("at its margin" in judgement.reason) == said


@pytest.mark.parametrize("edge", [383.0, 384.0])
def test_values_that_all_lie_on_an_edge_are_inside_and_refute_nothing(edge):
    """Dimensions do: all 16 blocks have the most that there is, and as much was predicted."""
    value = _interval(edge, 0.0)
    judged = within(value, 383.0, 384.0, "dimension")
    limits = at_most(value, edge, "dimensions"), at_least(value, edge, "dimensions")
    for judgement in (judged, *limits):
        assert judgement.outcome is Outcome.CONFIRMED
        assert (judgement.p_confirm, judgement.p_refute) == (0.5**16, 1.0)
    for outside in (edge - 10, edge + 10):
        beyond = within(_interval(outside, 0.0), 383.0, 384.0, "dimension")
        assert (beyond.outcome, beyond.p_refute) == (Outcome.REFUTED, 2 * 0.5**16)

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

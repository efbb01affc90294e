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

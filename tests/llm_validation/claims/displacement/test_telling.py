"""An upper limit counts where a random direction would break it."""

import numpy as np
import pytest

from llm_validation.claims.claim import Judgement, Outcome
from llm_validation.claims.displacement.telling import typical_divergence, where_telling
from llm_validation.claims.judgement import EPSILON
from tests.llm_validation.claims.known_setting import LAYER, KnownSetting

KEPT = Judgement(Outcome.CONFIRMED, "below", 0.001, 1.0)
BROKEN = Judgement(Outcome.REFUTED, "above", 1.0, 0.001)


@pytest.fixture(scope="module")
def setting():
    return KnownSetting()


@pytest.fixture(scope="module")
def radius(setting):
    """At which a random direction shows twice epsilon to second order: half of it is epsilon."""
    return (2 * EPSILON / typical_divergence(setting, LAYER, 1.0)) ** 0.5


def test_the_typical_divergence_is_the_mean_over_random_directions(setting):
    units = np.random.default_rng(0).standard_normal((20_000, setting.width))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    drawn = setting.quadratic_divergences("predicting", LAYER, 0.5 * units).mean()
    assert typical_divergence(setting, LAYER, 0.5) == pytest.approx(drawn, rel=0.03)


def test_a_limit_is_judged_where_a_random_direction_is_above_it(setting, radius):
    for judgement in (KEPT, BROKEN):
        assert where_telling(judgement, setting, LAYER, 1.01 * radius, last=True) is judgement


def test_elsewhere_keeping_it_shows_nothing_and_breaking_it_still_refutes(setting, radius):
    short = 0.99 * radius
    reported = where_telling(KEPT, setting, LAYER, short, last=False)
    assert reported.outcome is None and "a random direction may stay within" in reported.reason
    last = where_telling(KEPT, setting, LAYER, short, last=True)
    assert (last.outcome, last.p_confirm) == (Outcome.INCONCLUSIVE, 1.0)
    assert where_telling(BROKEN, setting, LAYER, short, last=False) is BROKEN

"""One-sided p-values against the t distribution and against the interval's own ends."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from identifiability.statistics import Interval, cluster_bootstrap

LIMITS = st.floats(-50, 50)


def _student(x, level=0.95):
    """The t interval of a mean."""
    reach = stats.t.ppf((1 + level) / 2, len(x) - 1) * stats.sem(x)
    return Interval(x.mean(), x.mean() - reach, x.mean() + reach, level, 0, len(x) - 1)


@pytest.mark.parametrize("limit", [-0.5, 0.0, 0.3, 1.0, 5.0])
def test_p_values_of_a_t_interval_are_those_of_scipys_t_test(limit):
    x = np.random.default_rng(0).standard_normal(15) + 0.3
    for level in (0.8, 0.95):
        found = _student(x, level)
        below = stats.ttest_1samp(x, limit, alternative="less").pvalue
        above = stats.ttest_1samp(x, limit, alternative="greater").pvalue
        assert found.p_at_least(limit) == pytest.approx(below, rel=1e-9)
        assert found.p_at_most(limit) == pytest.approx(above, rel=1e-9)


def test_without_degrees_of_freedom_the_reference_is_normal():
    found = Interval(0.0, -1.96, 1.96, stats.norm.cdf(1.96) - stats.norm.cdf(-1.96), 100)
    assert found.p_at_least(3.0) == pytest.approx(stats.norm.sf(3.0), rel=1e-9)


@pytest.mark.parametrize("positive", [False, True])
@settings(deadline=None)
@given(limit=LIMITS, seed=st.integers(0, 30))
def test_a_p_value_is_within_the_tail_exactly_where_its_end_is(positive, limit, seed):
    rng = np.random.default_rng(seed)
    x = rng.lognormal(size=9)
    found = cluster_bootstrap(
        lambda x: x.mean(axis=1), [x], rng=rng, resamples=100, positive=positive
    )
    for value in (limit, found.high, found.low, found.estimate):
        assert (found.p_at_least(value) <= found.tail) == (found.high <= value)
        assert (found.p_at_most(value) <= found.tail) == (found.low >= value)


@pytest.mark.parametrize("positive", [False, True])
def test_p_values_fall_with_distance_and_go_far_below_one_in_the_resamples(positive):
    rng = np.random.default_rng(1)
    found = cluster_bootstrap(
        lambda x: x.mean(axis=1),
        [rng.gamma(4, 0.25, 40)],
        rng=rng,
        resamples=200,
        positive=positive,
    )
    above = [found.p_at_least(x) for x in (0.0, 0.5, found.estimate, 1.5, 2.0, 4.0, 8.0)]
    below = [found.p_at_most(x) for x in (8.0, 2.0, found.estimate, 0.7, 0.3, -1.0)]
    assert above == sorted(above, reverse=True)
    assert below == sorted(below, reverse=True)
    assert above[2] == below[2] == 0.5
    assert above[-1] < 1e-8
    assert below[-1] < 1e-8


def test_a_positive_quantity_is_never_at_most_a_negative_number():
    found = Interval(1.0, 0.5, 2.0, 0.95, 100, 9, positive=True)
    assert found.p_at_most(-0.1) == 0.0
    assert found.p_at_least(0.0) == 1.0


def test_distances_above_a_positive_estimate_are_logarithmic():
    found = Interval(1.0, 0.5, 2.0, 0.95, 100, 9, positive=True)
    expected = stats.t.sf(2 * stats.t.ppf(0.975, 9), 9)
    assert found.p_at_least(4.0) == pytest.approx(expected, rel=1e-9)


def test_an_interval_of_no_width_leaves_no_doubt_and_an_infinite_one_all():
    point = Interval(1.0, 1.0, 1.0, 0.95, 100, 9)
    assert (point.p_at_least(1.5), point.p_at_least(0.5)) == (0.0, 1.0)
    assert (point.p_at_most(0.5), point.p_at_most(1.5)) == (0.0, 1.0)
    assert point.p_at_least(1.0) == point.p_at_most(1.0) == 0.0
    endless = Interval(1.0, -math.inf, math.inf, 0.95, 100, 9)
    assert endless.p_at_least(1e300) == endless.p_at_most(-1e300) == 0.5

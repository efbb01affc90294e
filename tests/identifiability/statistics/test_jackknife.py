"""The jackknife interval of a mean is Student's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from identifiability.statistics.jackknife import jackknife_interval


def test_of_a_mean_it_is_the_t_interval():
    sample = np.random.default_rng(0).standard_normal(9)
    value = jackknife_interval(lambda x: x.mean(axis=1), [sample])
    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    assert (value.low, value.high) == pytest.approx((expected.low, expected.high))
    assert value.estimate == pytest.approx(sample.mean())


def test_sets_of_clusters_add_their_variances_and_the_smallest_gives_the_degrees():
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal(5), rng.standard_normal(12)
    value = jackknife_interval(lambda x, y: x.mean(axis=1) - y.mean(axis=1), [first, second])
    error = np.sqrt(first.var(ddof=1) / 5 + second.var(ddof=1) / 12)
    assert value.high - value.estimate == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert (value.degrees, value.resamples) == (2, 0)

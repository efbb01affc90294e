"""Fieller's limits against the t test that they invert."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from identifiability.statistics.fieller import PairedRatio


def _effects(seed, ratio=0.9, effect=2.0, n=14):
    rng = np.random.default_rng(seed)
    reference = effect + rng.standard_normal(n)
    return ratio * reference + 0.4 * rng.standard_normal(n), reference


@settings(deadline=None)
@given(st.integers(0, 200), st.sampled_from([-2.0, 2.0, 5.0]))
def test_at_the_limits_the_t_test_of_the_contrast_has_the_level(seed, effect):
    arm, reference = _effects(seed, effect=effect)
    critical = stats.t.ppf(0.975, len(arm) - 1)
    ends = PairedRatio.of(arm, reference).limits(critical, critical)
    if not np.isfinite(ends).all():
        assert stats.ttest_1samp(reference, 0).pvalue >= 0.05
        return
    assert ends[0] < arm.mean() / reference.mean() < ends[1]
    for end in ends:
        p = stats.ttest_1samp(arm - end * reference, 0).pvalue
        assert p == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("ratio", [-1.0, 0.5, 0.95, 3.0])
def test_studentised_is_the_t_statistic_of_the_contrast(sign, ratio):
    arm, reference = _effects(3)
    arm, reference = sign * arm, sign * reference
    expected = -sign * stats.ttest_1samp(arm - ratio * reference, 0).statistic
    assert PairedRatio.of(arm, reference).studentised(ratio) == pytest.approx(expected)


def test_far_ratios_are_as_doubtful_as_the_reference_is():
    arm, reference = _effects(4)
    ratio = PairedRatio.of(arm, reference)
    limit = stats.ttest_1samp(reference, 0).statistic
    assert ratio.studentised(math.inf) == pytest.approx(limit)
    assert ratio.studentised(-1e9) == pytest.approx(-limit, rel=1e-6)


def test_an_arm_that_is_a_multiple_of_its_reference_leaves_no_doubt():
    reference = np.array([1.0, 2.0, 4.0])
    ratio = PairedRatio.of(0.5 * reference, reference)
    assert ratio.limits(2.0, 2.0) == pytest.approx((0.5, 0.5))
    assert ratio.studentised(0.5) == 0.0


def test_an_uncertain_reference_bounds_the_ratio_on_no_side():
    arm, reference = _effects(6, effect=0.1)
    errors = abs(stats.ttest_1samp(reference, 0).statistic)
    ratio = PairedRatio.of(arm, reference)
    assert ratio.limits(1.01 * errors, 1.01 * errors) == (-math.inf, math.inf)
    assert np.isfinite(ratio.limits(0.99 * errors, 0.99 * errors)).all()


def test_a_ratio_cannot_be_changed():
    ratio = PairedRatio.of(*_effects(0))
    for name in vars(ratio):
        with pytest.raises(AttributeError):
            setattr(ratio, name, 0.0)

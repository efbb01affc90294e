"""The ratio of effects against the truth, Fieller's t tests and the raw ratio."""

import numpy as np
import pytest
from scipy import stats

from identifiability.errors import InvalidInput
from identifiability.statistics import (
    NoReferenceEffect,
    cluster_bootstrap,
    effect_ratio,
    tost_ratio,
)
from identifiability.statistics.bootstrap import studentise


def _scores(seed=0, ratio=0.6, effect=2.0, n=30, zero=0.0):
    rng = np.random.default_rng(seed)
    baseline = zero + 5 * rng.standard_normal(n)
    own = effect + 0.5 * rng.standard_normal(n)
    arm = baseline + ratio * own + 0.2 * rng.standard_normal(n)
    return arm, baseline + own, baseline


def test_the_estimate_is_the_ratio_of_mean_effects_and_the_interval_holds_the_truth():
    arm, reference, baseline = _scores()
    found = effect_ratio(arm, reference, baseline, rng=np.random.default_rng(0))
    expected = (arm - baseline).mean() / (reference - baseline).mean()
    assert found.estimate == pytest.approx(expected)
    assert 0.5 < found.low < 0.6 < found.high < 0.7


def test_a_baseline_far_from_zero_changes_nothing():
    """The raw ratio of the same scores goes to 1 (N9)."""
    near, far = (
        effect_ratio(*_scores(zero=zero), rng=np.random.default_rng(0)) for zero in (0.0, 1e6)
    )
    assert far.high == pytest.approx(near.high, rel=1e-6)
    arm, reference, _ = _scores(zero=1e6)
    assert arm.mean() / reference.mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_sign_and_unit_of_scores_do_not_matter(sign):
    plain = effect_ratio(*_scores(), rng=np.random.default_rng(0))
    scaled = effect_ratio(*(sign * 100 * x for x in _scores()), rng=np.random.default_rng(0))
    assert scaled.low == pytest.approx(plain.low)
    assert scaled.p_at_least(0.8) == pytest.approx(plain.p_at_least(0.8))


def test_p_values_are_those_of_the_contrasts_up_to_the_bootstraps_scale():
    arm, reference, baseline = _scores(n=12)
    found = effect_ratio(arm, reference, baseline, rng=np.random.default_rng(0))
    contrast = arm - baseline - 0.8 * (reference - baseline)
    t = abs(stats.ttest_1samp(contrast, 0).statistic)
    quantile = stats.t.ppf(0.975, found.degrees)
    expected = stats.t.sf(t * quantile / found.above, found.degrees)
    assert found.p_at_least(0.8) == pytest.approx(expected, rel=1e-9)
    # No ratio, however large, is surer to be refused than the reference is to have an effect.
    sureness = stats.ttest_1samp(reference - baseline, 0).statistic
    assert found.p_at_least(1e12) >= stats.t.sf(sureness * quantile / found.above, found.degrees)


def test_p_values_agree_with_the_ends():
    for seed in range(10):
        found = effect_ratio(*_scores(seed, n=10), rng=np.random.default_rng(seed))
        for limit in (found.low, found.high, 0.4, 0.6, 0.8):
            assert (found.p_at_least(limit) <= found.tail) == (found.high <= limit)
            assert (found.p_at_most(limit) <= found.tail) == (found.low >= limit)


def test_it_says_what_tost_of_the_ratio_says():
    arm, reference, baseline = _scores(ratio=1.0, n=40)
    found = effect_ratio(arm, reference, baseline, rng=np.random.default_rng(0))
    assert 0.8 < found.low < found.high < 1.2
    assert tost_ratio(arm - baseline, reference - baseline).equivalent


def test_a_reference_without_effect_is_refused_in_one_sentence():
    scores = _scores(effect=0.01)
    with pytest.raises(NoReferenceEffect, match="cannot be told from 0, so no ratio"):
        effect_ratio(*scores, rng=np.random.default_rng(0))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_critical_values_are_those_of_the_contrast_that_the_ratio_makes_zero(sign):
    """On skewed scores, where both sides differ and a contrast of other parts has others."""
    rng = np.random.default_rng(5)
    baseline, noise = rng.standard_normal(15), rng.exponential(size=(2, 15))
    reference = baseline + sign * (3 + noise[0])
    arm = baseline + sign * (1.5 + 0.4 * noise[0] + noise[1] ** 2)
    found = effect_ratio(arm, reference, baseline, rng=np.random.default_rng(0), resamples=500)

    again = np.random.default_rng(0)
    options = {"rng": again, "resamples": 500, "level": 0.95}
    cluster_bootstrap(lambda x: x.mean(axis=1), [reference - baseline], **options)
    ratio = (arm - baseline).mean() / (reference - baseline).mean()
    contrast = sign * (arm - baseline - ratio * (reference - baseline))
    assert contrast.mean() == pytest.approx(0, abs=1e-12)
    expected = studentise(lambda x: x.mean(axis=1), [contrast], **options)
    assert (found.below, found.above) == (
        pytest.approx(expected.below, rel=1e-9),
        pytest.approx(expected.above, rel=1e-9),
    )
    assert max(found.below, found.above) > 1.2 * min(found.below, found.above)


def test_a_reference_that_is_the_baseline_is_refused_too():
    """Its effect is 0 with an interval of no length."""
    arm, _, baseline = _scores()
    with pytest.raises(NoReferenceEffect, match=r"effect 0 \[0, 0\] cannot be told from 0"):
        effect_ratio(arm, baseline, baseline, rng=np.random.default_rng(0))


def test_arms_of_different_prompts_are_refused():
    with pytest.raises(InvalidInput, match="same clusters"):
        effect_ratio([1.0, 2.0, 3.0], [1.0, 2.0], [0.0, 1.0], rng=np.random.default_rng(0))

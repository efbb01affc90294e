"""TOST against statsmodels, and the ratio's against the t tests that it is made of."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from identifiability.errors import InvalidInput
from identifiability.statistics import power, tost, tost_p_values, tost_ratio


@pytest.mark.parametrize("shift", [-2.0, -0.4, 0.0, 0.3, 0.7])
@pytest.mark.parametrize("n", [3, 12, 40])
def test_p_is_that_of_statsmodels_on_paired_scores(shift, n):
    rng = np.random.default_rng(n)
    arm, other = shift + rng.standard_normal(n), 0.5 * rng.standard_normal(n)
    expected = ttost_paired(arm, other, -0.6, 0.6)[0]
    found = tost(arm - other, 0.6)
    assert found.p == pytest.approx(expected, rel=1e-9)
    assert found.equivalent == (expected < 0.05)
    assert found.n == n


def test_equivalence_is_an_interval_inside_the_margin():
    rng = np.random.default_rng(1)
    decided = []
    for _ in range(200):
        x = 0.3 * rng.uniform(-1, 1) + rng.uniform(0.3, 1.5) * rng.standard_normal(20)
        found = tost(x, 0.5, alpha=0.1)
        interval = stats.ttest_1samp(x, 0).confidence_interval(0.8)
        assert (found.low, found.high) == pytest.approx(tuple(interval))
        assert found.equivalent == (found.low > -0.5 and found.high < 0.5)
        decided.append(found.equivalent)
    assert 20 < sum(decided) < 180


def test_power_is_that_of_no_difference_at_the_observed_deviation():
    x = np.random.default_rng(2).standard_normal(25)
    found = tost(x, 0.5)
    assert found.power == power(25, deviation=float(x.std(ddof=1)), margin=0.5)


def test_samples_of_a_cluster_count_once():
    x = np.random.default_rng(3).standard_normal((10, 4))
    assert tost(x, 0.5) == tost(x.mean(axis=1), 0.5)


def test_differences_without_variation_are_inside_or_not():
    assert tost(np.full(5, 0.1), 0.2).p == 0.0
    assert tost(np.full(5, 0.1), 0.2).power == 1.0
    assert tost(np.full(5, 0.25), 0.25).p == 1.0
    assert tost(np.full(5, -0.3), 0.2).p == 1.0


def test_many_samples_at_once_are_each_on_its_own():
    x = np.random.default_rng(4).standard_normal((6, 9))
    margins = np.linspace(0.2, 1.5, 6)
    expected = [tost(row, m).p for row, m in zip(x, margins, strict=True)]
    np.testing.assert_allclose(tost_p_values(x, margins), expected, rtol=1e-12)


def _effects(seed, ratio, effect=2.0, n=20):
    rng = np.random.default_rng(seed)
    reference = effect + rng.standard_normal(n)
    return ratio * reference + 0.3 * rng.standard_normal(n), reference


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("ratio", [0.7, 0.9, 1.0, 1.15, -1.0])
def test_the_p_of_a_ratio_is_the_largest_of_three_t_tests(sign, ratio):
    arm, reference = _effects(5, ratio)
    lower = stats.ttest_1samp(arm - 0.8 * reference, 0, alternative="greater").pvalue
    upper = stats.ttest_1samp(1.2 * reference - arm, 0, alternative="greater").pvalue
    there = stats.ttest_1samp(reference, 0).pvalue
    found = tost_ratio(sign * arm, sign * reference)
    assert found.p == pytest.approx(max(lower, upper, there), rel=1e-9)


def test_a_ratio_is_equivalent_where_fiellers_interval_is_inside_the_margin():
    decided = []
    for seed in range(100):
        found = tost_ratio(*_effects(seed, 0.95))
        assert found.equivalent == (found.low > 0.8 and found.high < 1.2)
        decided.append(found.equivalent)
    assert 10 < sum(decided) < 100


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_limits_of_a_ratio_are_where_a_t_test_of_the_contrast_has_the_level(alpha):
    """With six clusters, where a degree of freedom more or less shows."""
    rng = np.random.default_rng(7)
    reference = 3 + rng.standard_normal(6)
    arm = 0.9 * reference + 0.3 * rng.standard_normal(6)
    found = tost_ratio(arm, reference, alpha=alpha)
    assert found.low < arm.mean() / reference.mean() < found.high
    for limit in (found.low, found.high):
        t_test = stats.ttest_1samp(arm - limit * reference, 0)
        assert t_test.pvalue / 2 == pytest.approx(alpha, rel=1e-9)


def test_a_reference_without_variation_is_there_for_sure():
    """All that is in doubt is the arm: two t tests of it, at 0.8 and 1.2 of the reference."""
    arm = 2 + 0.1 * np.random.default_rng(2).standard_normal(10)
    found = tost_ratio(arm, np.full(10, 2.0))
    sides = [
        stats.ttest_1samp(sign * arm, edge, alternative="greater").pvalue
        for sign, edge in ((1, 1.6), (-1, -2.4))
    ]
    assert found.p == pytest.approx(max(sides), rel=1e-9)
    assert found.equivalent
    assert found.power == pytest.approx(1, abs=1e-6)


def test_power_of_a_ratio_is_a_lower_bound_near_the_rate_found():
    """Both tests are missed together next to never: the bound is nearly the power itself."""
    rates, powers = [], []
    for seed in range(400):
        found = tost_ratio(*_effects(seed, 1.0, effect=1.2, n=12))
        rates.append(found.equivalent)
        powers.append(found.power)
    # Of 400: Monte-Carlo error 2.5 %. The power is taken at estimates, whose spread biases it.
    assert np.mean(powers) == pytest.approx(np.mean(rates), abs=0.125)
    assert 0.1 < np.mean(rates) < 0.9


def test_no_ratio_to_a_reference_without_effect_is_equivalent():
    reference = np.array([-1.0, 1.0, -2.0, 2.0])
    found = tost_ratio(reference, reference)
    assert found.p == 1.0
    assert (found.low, found.high) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tost([1.0], 1.0), "at least two clusters"),
        (lambda: tost([1.0, 2.0], 0.0), "margin must be positive"),
        (lambda: tost([1.0, 2.0], np.nan), "margin must be positive"),
        (lambda: tost([1.0, 2.0], 1.0, alpha=0.5), "alpha must be between"),
        (lambda: tost_ratio([1.0, 2.0], [1.0, 2.0], fraction=1.0), "fraction must be between"),
        (lambda: tost_ratio([1.0, 2.0], [1.0, 2.0], alpha=0.0), "alpha must be between"),
        (lambda: tost_ratio([1.0, 2.0], [1.0, 2.0, 3.0]), "same clusters"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        call()


def test_a_reference_in_doubt_decides_even_where_both_sides_are_surer():
    reference = 0.5 + np.random.default_rng(0).standard_normal(30)
    # The arm is its reference: both contrasts are a fifth of it, and one-sided.
    there = stats.ttest_1samp(reference, 0).pvalue
    assert 0.01 < there < 0.5
    assert tost_ratio(reference, reference).p == pytest.approx(there, rel=1e-9)

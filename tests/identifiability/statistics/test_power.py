"""Powers against statsmodels, the noncentral t distribution and simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from identifiability.errors import InvalidInput
from identifiability.statistics import power, samples_needed


@pytest.mark.parametrize(
    ("n", "difference", "alpha"),
    [(2, 0.5, 0.05), (3, 1.0, 0.01), (12, -0.7, 0.05), (40, 0.3, 0.1), (4000, 0.05, 0.05)],
)
def test_power_of_a_difference_is_statsmodels(n, difference, alpha):
    expected = TTestPower().power(abs(difference), n, alpha, alternative="two-sided")
    found = power(n, deviation=2.0, difference=2 * difference, alpha=alpha)
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("n", "difference", "margin"),
    [(2, 0.0, 5.0), (3, 0.0, 1.0), (8, -0.1, 0.8), (20, 0.0, 0.5), (40, 0.2, 0.5), (12, 0.9, 0.9)],
)
def test_power_of_tost_is_the_simulated_rate(n, difference, margin):
    """40,000 experiments: five Monte-Carlo errors of 0.25 % at most."""
    x = np.random.default_rng(n).standard_normal((40_000, n)) + difference
    half_width = stats.t.ppf(0.95, n - 1) * stats.sem(x, axis=1)
    simulated = np.mean(np.abs(x.mean(axis=1)) + half_width < margin)
    found = power(n, deviation=3.0, difference=3 * difference, margin=3 * margin)
    error = np.sqrt(found * (1 - found) / 40_000)
    assert abs(found - simulated) < 5 * error


@pytest.mark.parametrize(("n", "difference", "margin"), [(30, 0.0, 1.2), (100, 0.2, 0.6)])
def test_power_of_tost_is_a_difference_of_noncentral_t_probabilities_where_that_is_exact(
    n, difference, margin
):
    """Where no sample's deviation is too large for equivalence, the two tests cannot both fail."""
    critical = stats.t.ppf(0.95, n - 1)
    ends = [
        stats.nct.cdf(c, n - 1, d * np.sqrt(n))
        for c, d in ((-critical, difference - margin), (critical, difference + margin))
    ]
    found = power(n, deviation=1.0, difference=difference, margin=margin)
    assert found == pytest.approx(ends[0] - ends[1], abs=1e-7)


@pytest.mark.parametrize(
    "wanted",
    [
        {"difference": 0.5},
        {"margin": 0.5},
        {"difference": 0.2, "margin": 0.5, "target": 0.9},
        {"difference": 10.0},
        {"margin": 0.01},
    ],
)
def test_samples_needed_is_the_first_number_that_is_enough(wanted):
    n = samples_needed(deviation=1.3, **wanted)
    target = wanted.pop("target", 0.8)
    assert power(n, deviation=1.3, **wanted) >= target
    assert n == 2 or power(n - 1, deviation=1.3, **wanted) < target


def test_samples_needed_for_a_difference_is_statsmodels():
    expected = TTestPower().solve_power(0.4, power=0.9, alpha=0.05)
    found = samples_needed(deviation=1.0, difference=0.4, target=0.9)
    assert found == int(np.ceil(expected))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n": 1, "deviation": 1.0}, "at least 2 clusters"),
        ({"n": 5, "deviation": 0.0}, "deviation must be positive"),
        ({"n": 5, "deviation": 1.0, "difference": np.nan}, "difference must be finite"),
        ({"n": 5, "deviation": 1.0, "margin": -1.0}, "margin must be positive"),
        ({"n": 5, "deviation": 1.0, "margin": 1.0, "alpha": 0.5}, "between 0 and 0.5"),
        ({"n": 5, "deviation": 1.0, "alpha": 0.0}, "between 0 and 1"),
    ],
)
def test_power_refuses_bad_input_in_one_sentence(arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        power(**arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "difference of 0 is never found"),
        ({"margin": 0.5, "difference": -0.5}, "not inside the margin"),
        ({"difference": 1.0, "target": 1.0}, "target power must be between"),
        ({"difference": 1e-9}, "more than 10000000 clusters"),
    ],
)
def test_samples_needed_refuses_what_no_number_reaches(arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        samples_needed(deviation=1.0, **arguments)

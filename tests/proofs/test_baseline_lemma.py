"""N9's tests against statsmodels and scipy, and its probabilities against their limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from proofs.baseline_lemma import (
    LEVEL,
    declares_equivalence,
    equivalence_probability,
    finds_no_difference,
    no_difference_probability,
)


@pytest.fixture
def differences():
    rng = np.random.default_rng(0)
    return rng.standard_normal((300, 12)) * 0.7 + rng.uniform(-1, 1, (300, 1))


def test_equivalence_is_declared_where_statsmodels_declares_it(differences):
    margin = np.full(len(differences), 0.6)
    expected = [DescrStatsW(row).ttost_mean(-0.6, 0.6)[0] < LEVEL for row in differences]
    found = declares_equivalence(differences, margin)
    assert found.tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_no_difference_is_found_where_scipy_finds_none(differences):
    expected = stats.ttest_1samp(differences, 0.0, axis=1).pvalue >= LEVEL
    assert finds_no_difference(differences).tolist() == expected.tolist()
    assert 0 < expected.sum() < len(expected)


def test_neither_verdict_implies_the_other(differences):
    silent = finds_no_difference(differences)
    equivalent = declares_equivalence(differences, np.full(len(differences), 0.6))
    precise = 0.1 + 0.1 * np.random.default_rng(1).standard_normal((1, 12))
    assert (silent & ~equivalent).any()
    assert declares_equivalence(precise, np.array([0.6]))[0]
    assert not finds_no_difference(precise)[0]


@pytest.mark.parametrize(("n", "mean"), [(5, 0.3), (20, 0.2), (40, 1.0)])
def test_a_missed_difference_is_one_less_the_power(n, mean):
    power = TTestPower().power(mean, n, LEVEL, alternative="two-sided")
    assert no_difference_probability(n, mean) == pytest.approx(1 - power, abs=1e-9)


def test_a_missed_difference_tends_to_one_less_the_level_as_the_margin_does_to_zero():
    assert no_difference_probability(20, 1e-5) == pytest.approx(1 - LEVEL, abs=1e-8)
    assert no_difference_probability(400, 0.0) == pytest.approx(1 - LEVEL)


@given(st.integers(3, 200), st.floats(0.01, 3), st.floats(1, 3))
def test_tost_errs_with_probability_at_most_its_level(n, margin, excess):
    # Quadrature to machine precision: 1e-9 is far above its error.
    assert equivalence_probability(n, excess * margin, margin) <= LEVEL + 1e-9


def test_tost_has_its_level_at_the_margin_and_certainty_inside_it_when_samples_are_many():
    assert equivalence_probability(2000, 0.5, 0.5) == pytest.approx(LEVEL, abs=1e-4)
    assert equivalence_probability(2000, 0.0, 0.5) == pytest.approx(1, abs=1e-9)
    assert equivalence_probability(20, 0.1, 0.5) > equivalence_probability(20, 0.2, 0.5) > LEVEL

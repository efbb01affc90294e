"""Moments of groups against numpy's own correlation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from llm_validation.claims.activations.dependent_pair import (
    correlation,
    dependence_arms,
    dependence_row,
    group_moments,
)
from tests.llm_validation.claims.known_setting import KnownSetting


def test_the_correlation_of_all_groups_is_numpys():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 50))
    rows = group_moments(a, b + a, rng.integers(7, size=50))
    assert correlation(rows[None]) == pytest.approx(np.corrcoef(a, b + a)[0, 1])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_pair_that_depends_most_is_measured_with_its_sign(sign):
    rng = np.random.default_rng(1)
    sources = rng.standard_normal((4000, 3))
    size = rng.gamma(2.0, size=4000)
    sources[:, 1] *= size
    sources[:, 2] *= size**sign
    unmixing = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    states = sources @ np.linalg.inv(unmixing).T
    half = [(states, np.repeat(np.arange(40), 100))]
    arms = dependence_arms("independent_activations", 3, (), sources, unmixing, lambda: half)
    arm, premise = arms
    np.testing.assert_array_equal(arm.data.unmixing, unmixing[1:])
    expected = spearmanr(*np.abs(sources[:, 1:]).T)[0]
    assert arm.prediction.prediction == pytest.approx(abs(expected))
    assert arm.data.sign == np.sign(expected) == sign
    row = dependence_row(KnownSetting(), arm)
    assert row.measured == pytest.approx(abs(expected))
    assert row.verdict == "confirmed"
    row = dependence_row(KnownSetting(), premise)
    assert row.prediction == 0
    assert row.verdict == "refuted"
    # As strong as it was said to be, and not half of it.
    wrong = replace(arm, prediction=replace(arm.prediction, prediction=abs(expected) / 2))
    assert dependence_row(KnownSetting(), wrong).verdict == "refuted"

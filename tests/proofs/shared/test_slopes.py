"""Slopes: exact on power laws, the Student interval of another library, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress
from scipy.stats import t as student

from identifiability.errors import InvalidInput
from proofs.shared.slopes import Slope, log_log_slope, sizes_for


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0, 3.0])
def test_a_power_law_has_its_exponent_as_slope(order: float) -> None:
    sizes = sizes_for(order)
    slope = log_log_slope(sizes, 7 * sizes**order)
    assert slope.farthest_from(order) < 1e-9
    assert sizes[0] ** order == pytest.approx(1e-10)
    assert sizes[-1] == pytest.approx(10 * sizes[0])


def test_the_interval_is_that_of_a_linear_regression() -> None:
    rng = np.random.default_rng(3)
    sizes = np.geomspace(1e-3, 1, 12)
    deviations = sizes**2 * np.exp(0.2 * rng.standard_normal(12))
    fit = linregress(np.log(sizes), np.log(deviations))
    half = student.ppf(0.95, 10) * fit.stderr
    slope = log_log_slope(sizes, deviations, confidence=0.9)
    assert slope.value == pytest.approx(fit.slope, rel=1e-12)
    assert (slope.low, slope.high) == pytest.approx((fit.slope - half, fit.slope + half), rel=1e-12)


def test_a_wide_interval_is_far_even_from_an_order_that_it_covers() -> None:
    assert Slope(2.0, 1.0, 3.5).farthest_from(2) == 1.5


@pytest.mark.parametrize(
    ("sizes", "deviations"),
    [([1, 2, 3], [1, 0, 2]), ([1, 2], [1, 2]), ([1, 2, 3], [1, 2, np.nan]), ([0, 1, 2], [1, 2, 3])],
)
def test_a_zero_or_too_little_is_refused(sizes: list[float], deviations: list[float]) -> None:
    with pytest.raises(InvalidInput, match=r"zero has no logarithm|three pairs"):
        log_log_slope(np.array(sizes), np.array(deviations))

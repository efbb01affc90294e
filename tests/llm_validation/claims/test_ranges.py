"""Ranges and shares beside verdicts that come from no bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from llm_validation.claims.ranges import share_interval, spread


def test_a_range_is_of_all_values():
    value = spread(np.array([[3.0, 1.0], [2.0, 5.0]]), 2.5)
    assert (value.estimate, value.low, value.high, value.level) == (2.5, 1.0, 5.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (3, 7), (7, 7)])
def test_a_share_has_the_ends_of_clopper_and_pearson(successes, n):
    value = share_interval(successes, n)
    low = beta.ppf(0.025, successes, n - successes + 1) if successes else 0.0
    high = beta.ppf(0.975, successes + 1, n - successes) if successes < n else 1.0
    assert (value.low, value.high) == pytest.approx((low, high))
    assert value.estimate == successes / n

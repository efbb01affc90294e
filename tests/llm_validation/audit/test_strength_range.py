"""Where a second-order answer stops to hold."""

import numpy as np
import pytest

from llm_validation.audit.strength_range import FirstOrderRange

SIZES = (2.0, 0.5, 1.0, 4.0)


def _range(cubic, floor=1e-12, noise=0.05, prompts=12):
    """Prompts whose divergence is t² (1 + cubic t)."""
    rng = np.random.default_rng(0)
    each = np.exp(noise * rng.standard_normal((prompts, 1)))
    second = each * np.square(SIZES)
    return FirstOrderRange.of(SIZES, second * (1 + cubic * np.array(SIZES)), second, floor, rng)


@pytest.mark.parametrize(("cubic", "largest"), [(0.0, 4.0), (0.3, 2.0), (0.7, 1.0), (1.5, 0.5)])
def test_the_largest_size_within_a_factor_of_two(cubic, largest):
    """1 + cubic t passes 2 at t = 1/cubic."""
    assert _range(cubic).largest == largest


def test_none_where_the_first_fails_or_too_few_prompts_agree():
    assert _range(5.0).largest is None
    assert _range(0.0, noise=3.0, prompts=3).rungs[0].holds  # one factor in both: no spread
    rng = np.random.default_rng(0)
    loose = np.exp(1.5 * rng.standard_normal((4, 1)))
    assert FirstOrderRange.of([1.0], loose, np.ones((4, 1)), 1e-12, rng).largest is None


def test_what_is_at_the_floor_on_both_sides_holds_and_on_one_does_not():
    rng = np.random.default_rng(0)
    tiny, seen = np.full((5, 1), 1e-14), np.full((5, 1), 1.0)
    assert FirstOrderRange.of([1.0], tiny, tiny, 1e-12, rng).largest == 1.0
    assert FirstOrderRange.of([1.0], seen, tiny, 1e-12, rng).largest is None


def test_rungs_come_in_the_order_of_sizes():
    found = _range(0.0)
    assert [rung.size for rung in found.rungs] == sorted(SIZES)
    assert found.at(1.0).log_ratio[0] == pytest.approx(0, abs=1e-12)

"""What would settle it: bounds from the theory, and nothing said to hold that was not decided."""

from dataclasses import replace

import numpy as np
import pytest

from llm_validation.audit.class_size import ClassSize
from llm_validation.audit.settle import support_size, ways_out


def _size(dimension, width=100, low=None, high=None, half=None, prompts=16, spread=1.0):
    return ClassSize(
        dimension=dimension,
        low=dimension if low is None else low,
        high=dimension if high is None else high,
        prompts=prompts,
        of_half=float(dimension if half is None else half),
        spread=spread,
        width=width,
    )


def _ways(size, vector=None):
    vector = np.ones(size.width) if vector is None else vector
    return {way.assumption: way for way in ways_out(vector, size)}


@pytest.mark.parametrize(("dimension", "more", "left"), [(75, 3, 50), (76, 4, 52), (40, 1, 0)])
def test_environments_and_layers_need_at_least_d_over_r(dimension, more, left):
    """R3a: at rank r = d - n each, ceil(d/r) in all; one more leaves n - r or more."""
    for name in ("environments", "layers"):
        way = _ways(_size(dimension))[name]
        assert way.condition_holds is False
        assert way.threshold == 1 + more
        assert way.class_dimension_after == left
        assert f"at least {more} more" in way.needs


def test_an_empty_class_needs_nothing_and_a_whole_one_cannot_be_promised():
    for name in ("environments", "layers"):
        assert _ways(_size(0))[name].condition_holds is True
        assert "no count is enough" in _ways(_size(100))[name].needs


def test_a_dense_vector_is_not_sparse_and_a_sparse_one_is_not_proved():
    size = _size(75, low=70, high=80)
    sparse = np.zeros(100)
    sparse[:9] = 1.0
    dense = _ways(size)["sparsity"]
    assert dense.condition_holds is False
    # 75 is the class without sparsity: that some code is not unique decides nothing of this one.
    assert (dense.class_dimension_after, dense.after_interval) == (75, (0, 75))
    assert "for every code; without sparsity 75" in dense.needs
    found = _ways(size, sparse)["sparsity"]
    assert found.condition_holds is None
    assert found.after_interval == (0, 75)
    assert found.threshold == 18 and found.interval == (20.0, 30.0)
    assert "spark not certified" in found.needs


def test_no_more_than_everything_has_to_be_seen():
    """2k = 198 of a dense v, but there are 100 directions: where all are seen, codes are unique."""
    dense = _ways(_size(0))["sparsity"]
    assert dense.threshold == 100 and dense.condition_holds is True
    assert _ways(_size(0, high=3))["sparsity"].condition_holds is None
    assert "min(2k, d) = 100 visible" in dense.needs


def test_where_each_prompt_shows_one_number_nothing_is_extrapolated():
    """48 of 64 left by 16 scores: 16 more leave 32 or more, and 64 may leave none (N10)."""
    size = replace(_size(48, width=64, half=56.0), equations=1)
    assert size.endless is None and size.doubled is None
    way = _ways(size)["prompts"]
    assert way.condition_holds is None
    assert (way.threshold, way.class_dimension_after) == (64, 32)
    assert "64 prompts or more at 1 equation each; 16 more leave 32 or more" in way.needs
    enough = replace(size, equations=8)  # 8 prompts of 8 equations are 64
    assert enough.endless is not None


def test_two_k_within_the_interval_is_not_decided():
    """25 visible, up to 30 for another sample of prompts: 2k = 28 might be seen."""
    vector = np.zeros(100)
    vector[:14] = 1.0
    assert _ways(_size(75, low=70, high=80), vector)["sparsity"].condition_holds is None
    assert _ways(_size(75, low=74, high=76), vector)["sparsity"].condition_holds is False


def test_support_is_what_carries_99_per_cent():
    assert support_size(np.array([3.0, 0.0, -4.0])) == 2
    assert support_size(np.array([10.0, 0.1, 0.1])) == 1
    assert support_size(np.ones(200)) == 198


def test_independence_is_never_said_to_hold():
    way = _ways(_size(75))["independence"]
    assert way.condition_holds is None
    assert way.threshold == 10 * 100 * 101 / 2
    # As it is the class stays what it is. If the condition held, v would be known up to scale (R1).
    assert (way.class_dimension_after, way.after_interval, way.if_held) == (75, (0, 75), 1)
    assert "open: column, length" in way.needs


def test_more_prompts_by_extrapolation():
    """Counts of 60 at 8 and 50 at 16 go on as 40 + 160/n at best and by 10 a doubling at worst."""
    way = _ways(_size(50, half=60.0, spread=0.0))["prompts"]
    assert way.class_dimension_after == pytest.approx(42.5)
    assert way.after_interval == pytest.approx((40, 45))
    assert way.statistic == pytest.approx(40)
    assert way.interval == pytest.approx((0, 40))
    assert way.condition_holds is None  # a logarithm gets anywhere
    assert _ways(_size(10, half=20.0))["prompts"].condition_holds is None
    assert _ways(_size(0, half=0.0, spread=0.0))["prompts"].condition_holds is True


def test_what_it_takes_fits_its_line_in_a_large_model():
    """Of 100 columns 16 are the indent (``screen``)."""
    size = _size(4500, width=8192, prompts=512)
    for vector in (np.ones(8192), np.eye(8192)[0]):
        assert all(len(way.needs) <= 84 for way in ways_out(vector, size))

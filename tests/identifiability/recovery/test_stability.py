"""Split halves: whole groups, disjoint, and nulls that have closed forms."""

import math

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.recovery.stability import (
    Stability,
    absolute_cosine,
    as_groups,
    direction_null,
    halves,
    planar_null,
    support_null,
)


def test_halves_are_disjoint_whole_groups_and_cover_everything():
    labels = as_groups(np.repeat(["b", "a", "c", "e", "d"], [3, 1, 4, 1, 5]), 14)
    seen = set()
    for first, second in halves(labels, 20, np.random.default_rng(0)):
        assert sorted([*first, *second]) == list(range(14))
        assert not set(labels[first]) & set(labels[second])
        assert {len(set(labels[first])), len(set(labels[second]))} == {2, 3}
        seen.add(tuple(first))
    assert len(seen) > 5  # of ten possible


def test_without_groups_every_sample_is_its_own():
    assert list(as_groups(None, 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: as_groups([1, 2], 3), "one label for each of the 3"),
        (lambda: as_groups([1, 1, 1], 3), "at least two groups"),
        (lambda: as_groups(None, 1), "at least two groups"),
        (
            lambda: list(halves(np.array([0, 1]), 0, np.random.default_rng(0))),
            "integer of at least 1",
        ),
        (lambda: direction_null(0, 5, np.random.default_rng(0)), "dimension 1 or more"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


@pytest.mark.parametrize(
    ("null", "expected"),
    [
        (planar_null(10, np.random.default_rng(1)), 2 * math.sqrt(2) / math.pi),
        # E|cos| of two random directions: Gamma(d/2)/(sqrt(pi) Gamma((d + 1)/2)).
        (direction_null(2, 10, np.random.default_rng(2)), 2 / math.pi),
        (direction_null(3, 10, np.random.default_rng(3)), 1 / 2),
        (direction_null(1, 10, np.random.default_rng(4)), 1.0),
    ],
)
def test_the_mean_of_a_null_is_known(null, expected):
    standard_error = null.std() / math.sqrt(null.size)
    assert abs(null.mean() - expected) <= 4 * standard_error + 1e-12


def test_averaging_over_splits_narrows_the_null():
    one, many = (planar_null(s, np.random.default_rng(5)).std() for s in (1, 16))
    assert many == pytest.approx(one / 4, rel=0.1)


def test_only_components_beyond_chance_count_as_stable():
    null = np.linspace(0.8, 0.9, 101)  # its 99 % quantile is 0.899
    agreement = np.array([[0.99, 0.85, 0.91], [1.0, 0.87, 0.90]])
    found = Stability(agreement, null, "a plane", np.zeros((3, 1)))
    assert found.threshold == pytest.approx(0.899)
    assert found.unstable_components == (1,)
    assert not found.stable
    assert found.minimum == pytest.approx(0.86)
    assert found.mean == pytest.approx(agreement.mean())
    assert Stability(agreement[:, [0, 2]], null, "a plane", np.zeros((3, 0))).stable


def test_absolute_cosine_calls_two_zeros_the_same_and_one_different():
    first, second = np.array([3.0, 4.0]), np.array([-4.0, 3.0])
    assert absolute_cosine(first, -2 * first) == 1
    assert absolute_cosine(first, first + second) == pytest.approx(math.sqrt(0.5))
    assert absolute_cosine(0 * first, 0 * first) == 1
    assert absolute_cosine(0 * first, first) == 0


def test_codes_on_random_supports_overlap_as_chance_has_it():
    """All supports the same: directions of k dimensions. One entry each: the same one, or none."""
    rng = np.random.default_rng(0)
    same = support_null(3, 3, 40, rng).mean()
    assert same == pytest.approx(direction_null(3, 40, rng).mean(), abs=0.01)
    assert support_null(8, 1, 40, rng).mean() == pytest.approx(1 / 8, abs=0.01)

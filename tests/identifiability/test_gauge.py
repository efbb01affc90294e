"""Gauge groups: group laws, orbits, and a canonical member that is one for the whole orbit."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation, Shift, SignedPermutation

RNG = np.random.default_rng(20)
COLUMNS = RNG.standard_normal((6, 4))
GAUGES = [
    SignedPermutation(4),
    Rotation(4),
    Rotation(4, ((0, 2), (1, 3))),
    Rotation(4, ((1, 3),)),
    Shift(RNG.standard_normal((6, 2))),
]


@pytest.mark.parametrize("gauge", GAUGES, ids=repr)
def test_the_canonical_member_is_the_same_all_over_the_orbit(gauge):
    rng = np.random.default_rng(0)
    canonical = gauge.canonical(COLUMNS)
    for _ in range(20):
        moved = gauge.act(gauge.random(rng), COLUMNS)
        assert np.linalg.norm(moved - COLUMNS) > 0.1  # not the identity, or nothing was tested
        np.testing.assert_allclose(gauge.canonical(moved), canonical, atol=1e-12)


@pytest.mark.parametrize("gauge", GAUGES, ids=repr)
def test_canonical_is_idempotent_and_tells_orbits_apart(gauge):
    canonical = gauge.canonical(COLUMNS)
    np.testing.assert_allclose(gauge.canonical(canonical), canonical, atol=1e-12)
    elsewhere = COLUMNS + 0.1 * np.random.default_rng(1).standard_normal(COLUMNS.shape)
    assert np.linalg.norm(gauge.canonical(elsewhere) - canonical) > 1e-2


def test_canonical_stays_in_the_orbit():
    # Invariants of each group: Gram of columns, of rows, unit columns, and what is orthogonal.
    turned = Rotation(4).canonical(COLUMNS)
    np.testing.assert_allclose(turned @ turned.T, COLUMNS @ COLUMNS.T, atol=1e-12)
    ordered = SignedPermutation(4).canonical(COLUMNS)
    assert sorted(np.abs(ordered).sum(axis=0)) == pytest.approx(
        sorted(np.abs(COLUMNS).sum(axis=0)), abs=0
    )
    shift = GAUGES[-1]
    moved = shift.canonical(COLUMNS) - COLUMNS
    residual = np.linalg.lstsq(shift.directions, moved, rcond=None)[1]
    np.testing.assert_allclose(residual, 0, atol=1e-20)


def test_a_rotation_with_more_columns_than_rows_has_a_canonical_member_too():
    wide = np.random.default_rng(2).standard_normal((2, 4))
    turned = wide @ Rotation(4).random(np.random.default_rng(3))
    gauge = Rotation(4)
    np.testing.assert_allclose(gauge.canonical(turned), gauge.canonical(wide), atol=1e-12)


def test_rotations_are_haar_and_keep_to_their_blocks():
    rng, gauge = np.random.default_rng(4), Rotation(3, ((0, 2),))
    draws = np.array([gauge.random(rng) for _ in range(2000)])
    assert np.array_equal(draws[:, 1], np.tile([0.0, 1.0, 0.0], (2000, 1)))
    # In the plane, Haar is a uniform angle: a law known without drawing matrices.
    angles = np.arctan2(draws[:, 2, 0], draws[:, 0, 0])
    assert kstest(angles, "uniform", args=(-math.pi, 2 * math.pi)).pvalue > 1e-3
    assert 0.45 < np.mean(np.linalg.det(draws) > 0) < 0.55


@pytest.mark.parametrize(
    ("gauge", "dimension"),
    [
        (SignedPermutation(5), 0),
        (Rotation(5), 10),
        (Rotation(5, ((0, 1), (2, 3, 4))), 4),
        (Rotation(5, ((0,), (1,))), 0),
        (Shift(np.eye(5)[:, :3]), 3),
    ],
)
def test_the_dimension_is_that_of_the_orbit(gauge, dimension):
    assert gauge.dimension == dimension
    if not isinstance(gauge, Shift):
        return
    rng, columns = np.random.default_rng(5), np.zeros(5)
    orbit = np.array([gauge.act(gauge.random(rng), columns) for _ in range(20)])
    assert np.linalg.matrix_rank(orbit) == dimension


@pytest.mark.parametrize(
    ("blocks", "named"), [(((0, 1), (1, 2)), "disjoint"), (((0, 7),), "below 3")]
)
def test_wrong_blocks_are_named(blocks, named):
    with pytest.raises(InvalidInput, match=named):
        Rotation(3, blocks)


@pytest.mark.parametrize("gauge", GAUGES[:-1], ids=repr)
def test_wrong_columns_are_named(gauge):
    with pytest.raises(InvalidInput, match=r"must be \(d, 4\), got \(6, 3\)"):
        gauge.canonical(COLUMNS[:, :3])


@pytest.mark.parametrize("gauge", GAUGES, ids=repr)
def test_a_gauge_cannot_be_changed(gauge):
    """A canonical member would belong to another group than the report says."""
    for name in vars(gauge):
        with pytest.raises(AttributeError):
            setattr(gauge, name, None)


def test_rounding_does_not_decide_between_entries_that_are_equal():
    """Either entry of a column may come out the larger; the first of equals gives the sign."""
    signs = SignedPermutation(1)
    for first, second in ((1.0, -1.0), (1.0, -1.0 - 4e-16), (1.0 + 4e-16, -1.0)):
        found = signs.canonical(np.array([[first], [second]]))
        np.testing.assert_allclose(found, [[1.0], [-1.0]], atol=1e-15)
    order = SignedPermutation(2)
    for off in (-4e-16, 0.0, 4e-16):
        found = order.canonical(np.array([[1.0 + off, 1.0], [0.5, 0.8]]))
        np.testing.assert_allclose(found, [[1.0, 1.0], [0.8, 0.5]], atol=1e-15)

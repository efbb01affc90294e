"""Scores against closed forms, brute force, and the gauges they must or must not see."""

import itertools
import math

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation, SignedPermutation
from identifiability.metrics import amari_distance, mcc_codes, mcc_directions, principal_angles

RNG = np.random.default_rng(7)
TRUE = RNG.standard_normal((6, 4))
CODES = RNG.laplace(size=(300, 4))
PERFECT = {"mcc_codes": 1.0, "mcc_directions": 1.0, "amari_distance": 0.0}
SCORES = {
    "mcc_codes": mcc_codes,
    "mcc_directions": mcc_directions,
    "amari_distance": amari_distance,
}


def _truth(name):
    return CODES if name == "mcc_codes" else TRUE


@pytest.mark.parametrize("name", SCORES)
def test_order_and_scale_are_not_seen_and_a_rotation_is(name):
    score, truth, rng = SCORES[name], _truth(name), np.random.default_rng(0)
    for element in (SignedPermutation(4).random(rng), np.diag(rng.lognormal(size=4))):
        moved = truth @ element
        assert float(score(moved, truth)) == pytest.approx(PERFECT[name], abs=1e-12)
        assert score(moved, truth).normalised == pytest.approx(1.0, abs=1e-10)
    turned = truth @ Rotation(4, ((0, 1),)).random(rng)
    found = score(turned, truth)
    assert abs(found.value - PERFECT[name]) > 0.01
    # The two columns outside the plane are untouched: the worst part shows what the mean hides.
    if name != "amari_distance":
        np.testing.assert_allclose(np.sort(found.parts)[2:], 1, atol=0.05)
    assert abs(found.worst - PERFECT[name]) > abs(found.value - PERFECT[name])


def test_matching_is_the_best_of_all_permutations():
    estimated = np.random.default_rng(1).standard_normal((6, 4))
    unit = [m / np.linalg.norm(m, axis=0) for m in (TRUE, estimated)]
    similarity = np.abs(unit[0].T @ unit[1])
    best = max(
        itertools.permutations(range(4)), key=lambda p: similarity[np.arange(4), list(p)].sum()
    )
    found = mcc_directions(estimated, TRUE)
    assert found.matching == best
    np.testing.assert_allclose(found.parts, similarity[np.arange(4), list(best)])


def test_matched_correlation_is_numpys():
    estimated = CODES + 0.5 * np.random.default_rng(2).standard_normal(CODES.shape)
    expected = [abs(np.corrcoef(CODES[:, i], estimated[:, i])[0, 1]) for i in range(4)]
    np.testing.assert_allclose(mcc_codes(3 - estimated, CODES).parts, expected)


def test_the_planar_null_has_its_closed_form():
    # A rotation in the plane leaves an angle uniform in [0, pi/4] to the nearer axis.
    null = mcc_directions(np.eye(2), np.eye(2), draws=4000).null
    standard_error = null.std() / math.sqrt(4000)
    assert abs(null.mean() - 2 * math.sqrt(2) / math.pi) < 4 * standard_error
    assert null.min() >= math.sqrt(0.5) - 1e-12
    codes = np.linalg.qr(np.random.default_rng(3).standard_normal((50, 3)))[0][:, :2]
    codes -= codes.mean(axis=0)
    whole = mcc_codes(codes, codes, draws=4000)
    assert abs(whole.chance - 2 * math.sqrt(2) / math.pi) < 4 * standard_error


@pytest.mark.parametrize(("width", "expected"), [(5, 0.73), (10, 0.59), (50, 0.34)])
def test_chance_falls_with_the_number_of_components(width, expected):
    # theory.md section 3 states two digits; 200 draws leave an error of about 0.005 at d = 5.
    assert mcc_directions(np.eye(width), np.eye(width)).chance == pytest.approx(expected, abs=0.015)


def test_the_same_seed_gives_the_same_null_and_another_another():
    first, second = (mcc_directions(TRUE, TRUE, seed=s).null for s in (0, 0))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, mcc_directions(TRUE, TRUE, seed=1).null)


def test_amari_distance_by_hand():
    # P = [[1, a], [0, 1]]: row excesses a and 0, column excesses 0 and a, over 2k(k - 1) = 4.
    estimated = np.linalg.inv(np.array([[1.0, 0.4], [0.0, 1.0]]))
    assert amari_distance(estimated, np.eye(2)).value == pytest.approx(0.8 / 4)
    hadamard = np.array([[1.0, 1.0], [1.0, -1.0]])
    assert amari_distance(hadamard, np.eye(2)).value == pytest.approx(1.0)


def test_principal_angles_are_those_planted():
    angle = 0.3
    basis = np.linalg.qr(RNG.standard_normal((5, 5)))[0]
    plane = basis[:, :2]
    tilted = np.stack(
        [basis[:, 0], np.cos(angle) * basis[:, 1] + np.sin(angle) * basis[:, 2]], axis=1
    )
    found = principal_angles(tilted @ RNG.standard_normal((2, 2)), plane)
    np.testing.assert_allclose(found.parts, [angle, 0], atol=1e-7)
    assert found.worst == pytest.approx(angle)
    # E[cos^2] of a random line against a plane in R^5 is 2/5: a null of another kind than angles.
    line = principal_angles(basis[:, [4]], plane, draws=4000)
    assert np.mean(np.cos(line.null) ** 2) == pytest.approx(2 / 5, abs=0.015)


def test_one_component_has_no_gauge_to_be_lost_in():
    assert math.isnan(mcc_directions(TRUE[:, :1], TRUE[:, :1]).normalised)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcc_codes(CODES[:, :3], CODES), "unequal numbers"),
        (lambda: mcc_codes(np.ones((300, 4)), CODES), "constant column"),
        (lambda: mcc_directions(TRUE, np.zeros((6, 4))), "zero column"),
        (lambda: mcc_directions(TRUE * np.nan, TRUE), "finite"),
        (lambda: mcc_directions(TRUE * 1j, TRUE), "real numbers"),
        (lambda: mcc_directions(TRUE[0], TRUE[0]), r"must be \(d, k\)"),
        (lambda: amari_distance(TRUE[:, :1], TRUE[:, :1]), "two or more"),
        (lambda: amari_distance(TRUE[:, [0, 0]], TRUE[:, :2]), "linearly independent"),
        (lambda: principal_angles(TRUE[:3], TRUE), "one width"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_amari_distance_counts_rows_and_columns():
    # P = [[1, 0.4], [0, 0.5]]: row excesses 0.4 and 0, column excesses 0 and 0.8, over 4.
    estimated = np.linalg.inv(np.array([[1.0, 0.4], [0.0, 0.5]]))
    assert amari_distance(estimated, np.eye(2)).value == pytest.approx(1.2 / 4)

"""R1: the theorem's parts, and what two Gaussians or a null space leave open."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from proofs.checking import check
from proofs.independence_identifies_columns import THEOREM, found_columns, sample
from proofs.shared.columns import missed_angle
from proofs.shared.mixed_sources import (
    MixedSources,
    by_characteristic_function,
    by_cross_cumulants,
    free_planes,
    product_law,
)

PLANE = np.eye(2, dtype=int)


def example(name: str) -> MixedSources:
    """The instance that breaks one assumption."""
    build = next(c.build for c in THEOREM.counterexamples if c.assumption == name)
    return build(np.random.default_rng(0))


def characteristic_function(instance: MixedSources, t: np.ndarray) -> np.ndarray:
    """Of h = As at points t (n, D), straight from the definition."""
    pulled = t @ instance.mixing
    return (
        np.exp(1j * pulled @ instance.points.T)
        @ instance.weights
        * np.exp(-(pulled**2) @ instance.noise / 2)
    )


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


@pytest.mark.parametrize("gaussians", [0, 1, 2])
def test_turns_among_the_gaussians_only(gaussians: int) -> None:
    instance = sample(np.random.default_rng(3), gaussians=gaussians)
    count = instance.noise.size
    assert count == 4
    free = {
        pair
        for pair, angle in free_planes(instance, by_characteristic_function).items()
        if angle > 0
    }
    assert free == set(combinations(range(count - gaussians, count), 2))


def test_the_other_columns_stay_next_to_two_gaussians() -> None:
    instance = sample(np.random.default_rng(3), gaussians=2)
    found = found_columns(instance)
    assert missed_angle(found, instance.mixing[:, :-2]) < 1e-7
    assert missed_angle(found, instance.mixing) > 0.01


def test_three_columns_in_a_plane_have_a_rival_with_the_same_law() -> None:
    instance = example("injective mixing")
    rival = MixedSources(
        instance.points,
        instance.weights,
        np.array([1.0, 1.75, 1.0]),
        np.array([[1, 0, 2], [0, 1, 0.5]]),
        instance.readout,
        instance.known,
    )
    t = np.random.default_rng(0).standard_normal((50, 2))
    same = characteristic_function(instance, t) - characteristic_function(rival, t)
    assert np.abs(same).max() < 1e-14
    assert missed_angle(rival.mixing, instance.mixing) == pytest.approx(
        np.arctan2(1.5, 2.5)  # between (1, 1) and (2, 1/2); the axes are farther away
    )


def test_a_null_space_leaves_the_row_space_part_of_each_column() -> None:
    instance = example("states seen")
    row_space_part = instance.mixing * np.array([[1], [1], [0]])
    found = found_columns(instance)
    assert missed_angle(found, row_space_part) < 1e-7
    assert missed_angle(found, instance.mixing) == pytest.approx(
        np.arctan(2.0)  # (0, 1, -2), of which J sees (0, 1, 0)
    )


@pytest.mark.parametrize(("cross", "power"), [(1, (3, 1)), (2, (2, 2)), (3, (1, 3))])
def test_cross_cumulants_of_a_turned_pair(cross: int, power: tuple[int, int]) -> None:
    """kappa of c^a (-s)^b k1 + s^a c^b k2 with excess kurtoses k1 = 2, k2 = 1."""
    odds = [np.array([4, 32, 4]), np.array([5, 30, 5])]
    points, weights = product_law([np.array([-1, 0, 1])] * 2, odds)
    values = points / np.sqrt([0.2, 0.25])
    angle = np.array([0.3])
    c, s = np.cos(angle[0]), np.sin(angle[0])
    a, b = power
    expected = abs(c**a * (-s) ** b * 2.0 + s**a * c**b * 1.0)
    found = by_cross_cumulants(cross)(values, weights, np.zeros(2), angle)
    assert found[0] == pytest.approx(expected, rel=1e-12)


def test_independence_is_read_from_the_law_and_not_from_correlations() -> None:
    turned = example("independent sources")
    covariance = turned.covariance
    assert covariance[0, 1] == 0.0
    assert not turned.independent
    assert sample(np.random.default_rng(0)).independent


def test_dependence_of_a_coin_and_a_gaussian_turned_by_45_degrees() -> None:
    """y = (±1 + g, -(±1) + g)/sqrt(2), whose characteristic function is written down here."""
    t1, t2 = 2 * np.random.default_rng(0).standard_normal((24, 2)).T

    def phi(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.cos((first - second) / np.sqrt(2)) * np.exp(-((first + second) ** 2) / 4)

    expected = np.abs(phi(t1, t2) - phi(t1, 0 * t2) * phi(0 * t1, t2)).max()
    found = by_characteristic_function(
        np.array([[-1.0, 0.0], [1.0, 0.0]]),
        np.array([0.5, 0.5]),
        np.array([0.0, 1.0]),
        np.array([np.pi / 4]),
    )
    assert found[0] == pytest.approx(expected, rel=1e-12)

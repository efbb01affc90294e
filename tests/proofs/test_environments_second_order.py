"""R3b: both directions of the condition on profiles, and Gaussian sources."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.checking import check
from proofs.environments_second_order import (
    THEOREM,
    MixedEnvironments,
    found_columns,
    gauge_dimension,
)
from proofs.shared.columns import missed_angle
from proofs.shared.mixed_sources import MixedSources, by_characteristic_function, free_planes

MIXING = np.array([[2, 1, 0, 1], [0, 1, -1, 1], [1, 0, 3, 1], [0, 0, 1, 2]])


def environments(profiles: list[list[int]]) -> MixedEnvironments:
    width = len(profiles)
    columns = np.array(profiles).T
    mixing = MIXING[:width, :width]
    assert np.linalg.matrix_rank(mixing) == width
    return MixedEnvironments(
        np.array([mixing] * len(columns)), np.array([np.diag(c) for c in columns])
    )


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


@pytest.mark.parametrize(
    ("profiles", "dimension"),
    [
        ([[1], [2], [3], [4]], 6),  # one environment: all rotations
        ([[1, 2], [2, 4], [3, 6], [1, 1]], 3),  # three in proportion: their rotations
        ([[1, 2], [2, 4], [1, 3], [2, 6]], 2),  # two pairs
        ([[1, 2], [3, 1], [1, 1], [0, 0]], 3),  # a silent source: its column is free
        ([[1, 2], [3, 1], [1, 1], [0, 5]], 0),
    ],
)
def test_gauge_dimension(profiles: list[list[int]], dimension: int) -> None:
    assert gauge_dimension(environments(profiles)) == dimension


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3).flatmap(
        lambda count: st.lists(
            st.lists(st.integers(0, 3), min_size=count, max_size=count), min_size=2, max_size=4
        )
    )
)
def test_columns_are_fixed_iff_profiles_are_pairwise_independent(
    profiles: list[list[int]],
) -> None:
    def dependent(x: list[int], y: list[int]) -> bool:
        return all(a * d == b * c for (a, c), (b, d) in combinations(zip(x, y, strict=True), 2))

    some_pair = any(dependent(x, y) for x, y in combinations(profiles, 2))
    assert (gauge_dimension(environments(profiles)) > 0) == some_pair


def test_gaussian_sources_turn_in_one_environment_and_not_in_two() -> None:
    gaussian = MixedSources(
        points=np.zeros((1, 2), dtype=int),
        weights=np.ones(1),
        noise=np.array([1.0, 3.0]),
        mixing=np.array([[2, 1], [0, 1]]),
        readout=np.eye(2, dtype=int),
        known=np.eye(2, dtype=int),
    )
    turns = free_planes(gaussian, by_characteristic_function)
    assert turns[(0, 1)] == pytest.approx(np.pi / 4)
    two = environments([[1, 2], [3, 1]])
    assert gauge_dimension(two) == 0
    assert missed_angle(found_columns(two), two.mixing) < 1e-12


def test_proportional_profiles_have_an_explicit_rival() -> None:
    instance = environments([[1, 2], [4, 8]])  # ratio q^2 = 4
    c, s = 0.8, 0.6
    rival = instance.mixing @ np.diag([1, 2]) @ np.array([[c, -s], [s, c]]) @ np.diag([1, 0.5])
    again = rival @ instance.sources @ rival.T
    np.testing.assert_allclose(again, instance.covariances, rtol=1e-14)
    assert missed_angle(rival, instance.mixing) > 0.1


def test_eigenvalue_conclusion_notices_the_inverse_ratio() -> None:
    instance = environments([[1, 2], [3, 1]])
    swapped = MixedEnvironments(instance.mixings, instance.sources[::-1])
    conclusion = THEOREM.conclusion("eigenvalues")
    assert conclusion.discrepancy(instance) < 1e-12
    assert conclusion.discrepancy(swapped) < 1e-12
    values = np.linalg.eigvals(np.linalg.solve(*instance.covariances.astype(float)))
    np.testing.assert_allclose(np.sort(values.real), [1 / 3, 2.0])

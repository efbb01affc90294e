"""Separations, leakage and design effects against simulation and textbook variances."""

import numpy as np
import pytest

from identifiability.joint_diagonalisation import joint_diagonaliser
from identifiability.variance_profiles import (
    DesignEffects,
    leakage,
    separation_error,
    separations,
)


def test_separation_of_two_equal_environments_is_the_difference_of_log_ratios():
    profiles = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 4.0]])
    found = separations(profiles, np.ones(2))
    logs = np.log(profiles[:, 1] / profiles[:, 0])
    np.testing.assert_allclose(found, np.abs(logs[:, None] - logs), atol=1e-7)


def test_separation_is_blind_to_the_units_of_sources_and_zero_for_proportional_ones():
    rng = np.random.default_rng(0)
    profiles = np.exp(rng.standard_normal((4, 5)))
    profiles[3] = 7 * profiles[1]
    weights = rng.uniform(1, 2, 5)
    scaled = separations(profiles * rng.uniform(0.1, 10, (4, 1)), weights)
    np.testing.assert_allclose(separations(profiles, weights), scaled, atol=1e-7)
    assert scaled[1, 3] < 1e-7
    assert np.sort(scaled[np.triu_indices(4, 1)])[1] > 0.1


def _covariances(rng, profiles, samples, repeats):
    """(repeats, E, d, d) Wishart draws of independent Gaussian sources."""
    width, count = profiles.shape
    noise = rng.standard_normal((repeats, count, samples, width))
    states = noise * np.sqrt(profiles.T)[None, :, None, :]
    return np.einsum("reni,renj->reij", states, states) / samples


@pytest.mark.parametrize("gap", [0.0, 0.1, 1.0])
def test_the_interval_of_a_separation_covers_it_proportional_or_not(gap):
    """At level 0.05, 400 draws: at most 20 + 4.4 sqrt(19) = 39 misses, one in 100 000 more."""
    profiles = np.exp([[0.0, 0.0, 0.0], [0.0, gap, -gap]])
    sizes = np.full(3, 200.0)
    truth = separations(profiles, sizes)[0, 1]
    error = separation_error(sizes, np.ones((2, 2)), 0.05)[0, 1]
    draws = _covariances(np.random.default_rng(1), profiles, 200, 400)
    found = [separations(joint_diagonaliser(c, sizes).profiles, sizes)[0, 1] for c in draws]
    assert sum(abs(value - truth) > error for value in found) <= 39


def test_two_proportional_profiles_separate_as_twice_a_rayleigh_variable_over_root_n():
    """The bound is sharp for two environments: separation^2 N/16 is chi-square with 2 degrees."""
    draws = _covariances(np.random.default_rng(2), np.ones((2, 2)), 400, 800)
    sizes = np.full(2, 400.0)
    found = np.array(
        [separations(joint_diagonaliser(c, sizes).profiles, sizes)[0, 1] for c in draws]
    )
    error = separation_error(sizes, np.ones((2, 2)), 0.5)[0, 1]
    # Half of the draws, within 4 standard errors (0.07) and 0.02 for the second order in 1/sqrt(n).
    assert abs(np.mean(found > error) - 0.5) < 0.09


@pytest.mark.parametrize("count", [2, 3])
def test_leakage_is_the_standard_deviation_of_the_columns_error(count):
    """1000 draws put each standard deviation within 4/sqrt(2000) = 9 % of the true one.

    The other 4 % are for the next order: relative to it, a few times 1/n = 1/250.
    """
    rng = np.random.default_rng(3)
    profiles = np.exp([[0.0, 0.3, 0.8], [0.0, -0.7, 0.1], [0.0, 1.2, -0.5]])[:, :count]
    sizes = np.full(count, 250.0)
    scaled = profiles / profiles.mean(axis=1, keepdims=True)
    errors = []
    for matrices in _covariances(rng, scaled, 250, 1000):
        columns = joint_diagonaliser(matrices, sizes).mixing
        columns = columns[:, np.abs(columns).argmax(axis=1)]
        errors.append(columns / np.diag(columns))
    spread = np.std(errors, axis=0)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(spread[off], leakage(scaled, sizes)[off], rtol=0.13)


def test_leakage_of_near_ratios_is_root_two_over_the_gap_and_infinite_without_one():
    near = leakage(np.exp([[0.0, 0.0], [0.0, 1e-3]]), np.full(2, 50.0))
    assert near[0, 1] == pytest.approx(np.sqrt(2 / 50) / 1e-3, rel=1e-2)
    assert np.isinf(leakage(np.ones((2, 2)), np.full(2, 50.0))[0, 1])
    assert np.array_equal(np.diag(near), np.zeros(2))


@pytest.mark.parametrize(("law", "kurtosis"), [("normal", 3.0), ("laplace", 6.0), ("uniform", 1.8)])
def test_design_effects_of_independent_samples(law, kurtosis):
    rng = np.random.default_rng(4)
    draw = {"normal": rng.standard_normal, "laplace": lambda s: rng.laplace(size=s)}
    draw["uniform"] = lambda s: rng.uniform(-1, 1, s)
    found = DesignEffects.of([draw[law]((200_000, 2))], None)
    assert found.along[0, 1] == pytest.approx((kurtosis - 1) / 2, rel=0.05)
    assert found.across[0, 1] == pytest.approx(1.0, rel=0.05)
    assert found.mean_across == pytest.approx(found.across[0, 1])
    assert found.largest.min() >= 1


def test_copies_in_a_group_count_once():
    """Five copies of every sample: five times the variance; and single groups are no groups."""
    rng = np.random.default_rng(5)
    samples = rng.standard_normal((4000, 3))
    alone = DesignEffects.of([samples], None)
    single = DesignEffects.of([samples], [np.arange(4000)])
    np.testing.assert_allclose(alone.along, single.along)
    np.testing.assert_allclose(alone.across, single.across)
    copies = DesignEffects.of([np.repeat(samples, 5, axis=0)], [np.repeat(np.arange(4000), 5)])
    off = np.triu_indices(3, 1)
    np.testing.assert_allclose(copies.along[off], 5 * alone.along[off])
    np.testing.assert_allclose(copies.across[off], 5 * alone.across[off])


def test_the_worst_environment_counts():
    rng = np.random.default_rng(6)
    heavy = rng.laplace(size=(50_000, 2))
    found = DesignEffects.of([rng.standard_normal((50_000, 2)), heavy], None)
    assert found.along[0, 1] == pytest.approx(2.5, rel=0.1)
    assert DesignEffects.of([heavy[:, :1]], None).mean_across == 1.0

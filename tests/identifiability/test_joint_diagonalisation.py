"""Joint diagonalisation: planted mixings to rounding, and the minimum that pyriemann finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh, expm

from identifiability.joint_diagonalisation import curvature, divergence, joint_diagonaliser

seeds = st.integers(0, 2**32 - 1)


def _planted(rng, width, count):
    mixing = np.linalg.qr(rng.standard_normal((width, width)))[0] * rng.uniform(0.5, 2, width)
    mixing = mixing @ np.linalg.qr(rng.standard_normal((width, width)))[0]
    profiles = np.exp(rng.standard_normal((width, count)))
    return mixing, profiles, np.array([mixing * p @ mixing.T for p in profiles.T])


def _noisy(rng, width, count, samples):
    mixing, profiles, _ = _planted(rng, width, count)
    states = [rng.standard_normal((samples, width)) * np.sqrt(p) @ mixing.T for p in profiles.T]
    return np.array([x.T @ x / samples for x in states])


def _off_pattern(gain):
    """Largest entry beside one for each row, relative to that one: 0 for a scaled permutation."""
    share = np.abs(gain) / np.abs(gain).max(axis=1, keepdims=True)
    assert sorted(share.argmax(axis=1)) == list(range(len(share)))
    return float(np.sort(share, axis=1)[:, -2].max())


@given(seeds, st.integers(2, 8), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_a_planted_mixing_comes_back_up_to_order_and_scale(seed, width, count):
    rng = np.random.default_rng(seed)
    mixing, profiles, matrices = _planted(rng, width, count)
    logs = np.log(profiles)
    logs -= logs.mean(axis=1, keepdims=True)
    nearest = min(np.linalg.norm(logs[i] - logs[j]) for i in range(width) for j in range(i))
    found = joint_diagonaliser(matrices, np.ones(count))
    assert found.converged
    assert found.divergence < 1e-10
    if nearest > 0.1:  # nearer profiles lose as many digits of their columns
        # A gradient of 1e-6 leaves columns off by as much over the curvature, nearest squared.
        assert _off_pattern(found.unmixing @ mixing) < 1e-6 / nearest**2 * 10
    np.testing.assert_allclose(found.profiles.mean(axis=1), 1.0)
    np.testing.assert_allclose(found.mixing @ found.unmixing, np.eye(width), atol=1e-10)


@given(seeds, st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_two_matrices_are_scipys_generalised_eigenproblem(seed, width):
    rng = np.random.default_rng(seed)
    first, second = _noisy(rng, width, 2, 50)
    found = joint_diagonaliser(np.array([first, second]), np.array([1.0, 3.0]))
    values, vectors = eigh(second, first)
    np.testing.assert_allclose(np.sort(found.profiles[:, 1] / found.profiles[:, 0]), values)
    assert _off_pattern(found.unmixing @ np.linalg.inv(vectors.T)) < 1e-6
    assert found.divergence < 1e-12


@pytest.mark.parametrize(("width", "count"), [(3, 3), (6, 4), (12, 5)])
def test_the_minimum_is_that_of_pyriemanns_pham(width, count):
    """Another algorithm (sweeps over pairs) for the same criterion."""
    from pyriemann.geometry import ajd

    matrices = _noisy(np.random.default_rng(width), width, count, 200)
    weights = np.arange(1.0, count + 1)
    found = joint_diagonaliser(matrices, weights)
    pham = ajd.ajd_pham(matrices, eps=1e-12, n_iter_max=500, sample_weight=weights)[0]
    reached = divergence(pham, matrices, weights / weights.sum())
    assert found.divergence == pytest.approx(reached, abs=1e-9)
    assert _off_pattern(found.unmixing @ np.linalg.inv(pham)) < 1e-4


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_no_small_turn_or_shear_does_better(seed):
    rng = np.random.default_rng(seed)
    matrices = _noisy(rng, 4, 3, 100)
    weights = np.full(3, 1 / 3)
    found = joint_diagonaliser(matrices, weights)
    for _ in range(20):
        moved = expm(1e-3 * rng.standard_normal((4, 4))) @ found.unmixing
        assert divergence(moved, matrices, weights) >= found.divergence - 1e-12


def test_divergence_is_the_kullback_leibler_of_gaussians():
    """0.5 (log det diag - log det) is KL(N(0, C) || N(0, diag C)), by its own formula."""
    rng = np.random.default_rng(0)
    matrix = _noisy(rng, 4, 1, 60)[0]
    unmixing = rng.standard_normal((4, 4))
    turned = unmixing @ matrix @ unmixing.T
    other = np.diag(np.diag(turned))
    logs = np.linalg.slogdet(other)[1] - np.linalg.slogdet(turned)[1]
    expected = 0.5 * (np.trace(np.linalg.inv(other) @ turned) - 4 + logs)
    assert divergence(unmixing, matrix[None], np.ones(1)) == pytest.approx(expected)


def test_weights_count_only_relative_to_each_other():
    matrices = _noisy(np.random.default_rng(1), 5, 4, 80)
    first = joint_diagonaliser(matrices, np.ones(4))
    second = joint_diagonaliser(matrices, np.full(4, 7.0))
    np.testing.assert_array_equal(first.unmixing, second.unmixing)
    repeated = joint_diagonaliser(matrices[[0, 1, 1, 2, 3]], np.ones(5))
    weighted = joint_diagonaliser(matrices, np.array([1.0, 2.0, 1.0, 1.0]))
    assert repeated.divergence == pytest.approx(weighted.divergence, abs=1e-10)


def test_equal_covariances_leave_everything_open_and_still_end():
    matrices = np.array([np.eye(5) + 0.1] * 4)
    found = joint_diagonaliser(matrices, np.ones(4))
    assert found.converged
    assert found.divergence < 1e-12
    np.testing.assert_allclose(found.profiles, 1.0)


def test_an_unreached_tolerance_is_owned_up_to():
    matrices = _noisy(np.random.default_rng(2), 6, 4, 30)
    found = joint_diagonaliser(matrices, np.ones(4), tolerance=1e-30)
    assert not found.converged
    assert found.gradient > 1e-30


def test_curvature_is_the_second_derivative_of_the_criterion():
    """Finite differences along (T_ij, T_ji) at an exact diagonaliser."""
    profiles = np.exp(np.random.default_rng(3).standard_normal((3, 4)))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    matrices = np.array([np.diag(p) for p in profiles.T])
    hessian = curvature(profiles, weights)
    step = 1e-3
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for a, b in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0)):
            moved = np.eye(3)
            moved[i, j], moved[j, i] = step * a, step * b
            expected = hessian[i, j] * a**2 + 2 * a * b + hessian[j, i] * b**2
            found = 2 * divergence(moved, matrices, weights) / step**2
            assert found == pytest.approx(expected, rel=1e-2, abs=1e-4)

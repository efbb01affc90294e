"""The count of Gaussian directions: its level, its subspace, and what it cannot see."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chi2

from identifiability import nongaussianity
from identifiability.nongaussianity import gaussian_directions
from toy_models.planted import orthonormal


def _white(samples):
    left, _, right = np.linalg.svd(samples - samples.mean(axis=0), full_matrices=False)
    return left @ right * np.sqrt(len(samples))  # nearest to the samples: axes stay axes


LAWS = {
    "laplace": lambda rng, n: rng.laplace(size=n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "binary": lambda rng, n: rng.choice([-1.0, 1.0], n),
}


def _mixture(rng, n, laws, gaussians):
    columns = [LAWS[law](rng, n) for law in laws]
    columns += [rng.standard_normal(n) for _ in range(gaussians)]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("gaussians", [0, 1, 2, 3])
@pytest.mark.parametrize("laws", [("laplace",), ("uniform", "exponential"), ("binary", "laplace")])
def test_counts_them_and_finds_their_subspace(laws, gaussians):
    rng = np.random.default_rng(gaussians)
    turn = orthonormal(rng, len(laws) + gaussians, len(laws) + gaussians)
    white = _white(_mixture(rng, 8000, laws, gaussians)) @ turn.T
    found = gaussian_directions(white, 1e-4)
    assert found.count == gaussians
    truth = turn[:, len(laws) :]
    basis = found.basis[:, len(laws) :]
    if gaussians:
        assert np.linalg.norm(basis - truth @ (truth.T @ basis), 2) < 0.1
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(len(turn)), atol=1e-12)


def test_one_purely_skewed_source_beside_one_purely_heavy_tailed_is_no_gaussian():
    """Either cumulant alone sees one source of two; the sum of their squares sees both."""
    rng = np.random.default_rng(0)
    # P(x) with mean 0 and kurtosis 0 but skewness 1/sqrt(2): Bernoulli of p with 6p(1 - p) = 1.
    p = (1 - np.sqrt(1 / 3)) / 2
    skewed = (rng.random(20_000) < p).astype(float)
    white = _white(np.stack([skewed, rng.laplace(size=20_000)], axis=1))
    assert abs(np.mean(white[:, 0] ** 4) - 3) < 0.1
    assert gaussian_directions(white, 1e-4).count == 0


def test_a_law_with_the_first_four_cumulants_of_a_gaussian_is_not_seen():
    """-sqrt 3, 0, sqrt 3 with odds 1 : 4 : 1: what the docstring says the count cannot see."""
    rng = np.random.default_rng(0)
    three = rng.choice([-1.0, 0, 0, 0, 0, 1.0], (50_000, 2))
    assert gaussian_directions(_white(three), 1e-4).count == 2


@pytest.mark.parametrize(("samples", "laws"), [(200, ()), (2000, ("laplace", "exponential"))])
def test_level_is_kept(samples, laws):
    """Two Gaussian directions are taken for others at most as often as said."""
    level, repeats = 0.01, 300
    missed = 0
    for seed in range(repeats):
        white = _white(_mixture(np.random.default_rng(seed), samples, laws, 2))
        missed += gaussian_directions(white, level).count < 2
    assert missed <= binom.isf(1e-4, repeats, level)


def test_the_null_law_has_the_mean_of_the_statistic():
    """Against simulation beside two Laplace sources: n tr N over the known directions."""
    size, values, means = 2, [], []
    for seed in range(400):
        white = _white(_mixture(np.random.default_rng(seed), 3000, ("laplace", "laplace"), size))
        matrix, contracted, squared = nongaussianity._negentropy_matrix(white)
        weights, freedom = nongaussianity._null(size, np.diag(contracted)[:2], float(squared.var()))
        means.append(weights @ freedom)
        # B's own part: the block of B, not the rows that reach out of it.
        third = matrix - contracted @ contracted / 48
        block = contracted[2:, 2:]
        values.append(3000 * (np.trace(third[2:, 2:]) + np.sum(block**2) / 48))
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - np.mean(means)) < 4 * error + 0.02 * np.mean(means)


@pytest.mark.parametrize("level", [0.05, 1e-2, 1e-4])
def test_quantile_of_a_weighted_sum_of_chi_squares(level):
    """Against the exact law where all weights agree, and a large sample where they do not.

    3 %: the saddlepoint approximation is good to about 1 %, the sample at 1e-4 to 1.5 %.
    """
    same = nongaussianity._quantile(np.array([2.0, 2.0]), np.array([3.0, 1.0]), level)
    assert same == pytest.approx(2 * chi2.isf(level, 4), rel=0.01)
    rng = np.random.default_rng(0)
    draws = 3 * rng.chisquare(1, 2_000_000) + rng.chisquare(5, 2_000_000)
    mixed = nongaussianity._quantile(np.array([3.0, 1.0]), np.array([1.0, 5.0]), level)
    assert mixed == pytest.approx(np.quantile(draws, 1 - level), rel=0.03)


def test_negentropy_matrix_against_loops():
    rng = np.random.default_rng(1)
    white = _white(rng.exponential(size=(30, 3)))
    third = np.zeros((3, 9))
    contracted = np.zeros((3, 3))
    for a, b, c in product(range(3), repeat=3):
        third[a, 3 * b + c] = np.mean(white[:, a] * white[:, b] * white[:, c])
        fourth = np.mean(white[:, a] * white[:, b] * white[:, c] ** 2)
        # kappa_abcc from moments of mean 0 and covariance 1
        contracted[a, b] += fourth - (a == b) - 2 * (a == c) * (b == c)
    expected = third @ third.T / 12 + contracted @ contracted / 48
    matrix, found, _ = nongaussianity._negentropy_matrix(white)
    np.testing.assert_allclose(found, contracted, atol=1e-12)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_resolution_is_a_kurtosis_that_is_seen():
    """Beside one Gaussian source, of this excess kurtosis, another is told from it."""
    rng = np.random.default_rng(0)
    blank = gaussian_directions(_white(rng.standard_normal((4000, 2))), 1e-2)
    assert blank.count == 2
    # Student's t with nu degrees of freedom has 6/(nu - 4); a symmetric mixture of scales has any.
    spread = np.sqrt(blank.resolution / 3)
    seen = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        variance = 1 + spread * rng.choice([-1.0, 1.0], 4000)
        mixture = rng.standard_normal(4000) * np.sqrt(variance)
        white = _white(np.stack([mixture, rng.standard_normal(4000)], axis=1))
        seen += gaussian_directions(white, 1e-2).count < 2
    assert seen >= 95

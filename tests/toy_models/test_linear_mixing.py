"""Linear mixing: the laws that the dials promise, and what the truth says is free."""

import math

import numpy as np
import pytest
from scipy import stats

from toy_models.linear_mixing import LinearMixing, generalised_normal


@pytest.mark.parametrize("shape", [0.8, 1.0, 1.5, 2.0, 4.0])
def test_sources_have_the_law_asked_for(shape):
    """Kolmogorov--Smirnov against scipy's generalised normal of variance 1."""
    drawn = generalised_normal(shape, (20_000,), np.random.default_rng(0))
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    assert stats.kstest(drawn, stats.gennorm(shape, scale=scale).cdf).pvalue > 1e-3
    assert stats.gennorm(shape, scale=scale).var() == pytest.approx(1)


def test_infinite_shape_is_uniform():
    drawn = generalised_normal(math.inf, (20_000,), np.random.default_rng(0))
    uniform = stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))
    assert stats.kstest(drawn, uniform.cdf).pvalue > 1e-3


def test_states_are_mixed_sources():
    instance = LinearMixing(width=5, sources=3, samples=40, held_out=20).sample(0)
    np.testing.assert_allclose(instance.states, instance.sources @ instance.mixing.T)
    held = instance.held_out_sources @ instance.mixing.T
    np.testing.assert_allclose(instance.held_out_states, held)
    assert (instance.states.shape, held.shape, instance.mixing.shape) == ((40, 5), (20, 5), (5, 3))
    assert np.linalg.cond(instance.mixing) <= 10
    assert instance.free == ()


def test_gaussian_sources_are_the_last():
    sources = LinearMixing(gaussians=2, samples=20_000).sample(0).sources
    kurtosis = stats.kurtosis(sources)
    assert np.all(kurtosis[:2] > 2)
    assert np.all(np.abs(kurtosis[2:]) < 5 * math.sqrt(24 / 20_000))


@pytest.mark.parametrize(
    ("dials", "free"),
    [
        ({}, ()),
        ({"gaussians": 1}, ()),
        ({"gaussians": 3}, (1, 2, 3)),
        ({"shape": 2.0}, (0, 1, 2, 3)),
        ({"dependence": 1.0}, (0, 1, 2, 3)),
        ({"dependence": 0.5}, ()),
        ({"width": 1, "gaussians": 1}, ()),
        ({"width": 1, "dependence": 1.0}, ()),
    ],
)
def test_what_no_sample_can_tell(dials, free):
    assert LinearMixing(**dials, samples=10).sample(0).free == free


@pytest.mark.parametrize("dependence", [0.0, 0.5, 1.0])
def test_dependence_keeps_second_moments_and_shares_the_size(dependence):
    """cov(s1^2, s2^2) = dependence * (E|s|^4/(k(k + 2)) - 1) at k = 2, E|s|^4 = 14 for Laplace."""
    count = 200_000
    model = LinearMixing(width=2, dependence=dependence, samples=count)
    sources = model.sample(1).sources
    np.testing.assert_allclose(sources.T @ sources / count, np.eye(2), atol=0.03)
    products = sources[:, 0] ** 2 * sources[:, 1] ** 2
    expected = 1 + dependence * (14 / 8 - 1)
    assert abs(products.mean() - expected) < 5 * products.std() / math.sqrt(count)


def test_turned_samples_are_spherical():
    """Directions uniform (Kolmogorov--Smirnov on the angle), independent of the length."""
    sources = LinearMixing(width=2, dependence=1.0, samples=20_000).sample(0).sources
    angle = np.arctan2(sources[:, 1], sources[:, 0])
    assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    lengths = np.linalg.norm(sources, axis=1)
    assert stats.spearmanr(np.cos(4 * angle), lengths).pvalue > 1e-3
    plain = LinearMixing(width=2, samples=20_000).sample(0).sources
    axes = np.cos(4 * np.arctan2(plain[:, 1], plain[:, 0]))
    assert stats.spearmanr(axes, np.linalg.norm(plain, axis=1)).pvalue < 1e-6


def test_the_seed_decides_everything():
    first, second = (LinearMixing(samples=20).sample(3) for _ in range(2))
    np.testing.assert_array_equal(first.states, second.states)
    assert not np.array_equal(first.states, LinearMixing(samples=20).sample(4).states)


@pytest.mark.parametrize(
    ("dials", "sentence"),
    [
        ({"sources": 5}, "sources must lie between 1 and width"),
        ({"sources": 0}, "sources must lie between 1 and width"),
        ({"gaussians": 5}, "gaussians must lie between 0 and the 4 sources"),
        ({"shape": 0.0}, "shape must be positive"),
        ({"shape": math.nan}, "shape must be positive"),
        ({"dependence": 1.5}, r"dependence must lie in \[0, 1\]"),
        ({"samples": 0}, "samples and held_out must be positive"),
    ],
)
def test_dials_that_do_not_fit(dials, sentence):
    with pytest.raises(ValueError, match=sentence):
        LinearMixing(**dials).sample(0)

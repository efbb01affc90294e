"""Three recipes for one direction against their definitions, computed in other ways."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from identifiability.errors import InvalidInput
from llm_validation.contrast import METHODS, vector_of


def states(n: int = 12, d: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of unequal covariance, far from the origin, with a shift between them."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((d, d)) * np.geomspace(1, 0.1, d)
    centre, shift = 5 * rng.standard_normal(d), rng.standard_normal(d)
    negative = centre + rng.standard_normal((n, d)) @ mixing
    return negative + shift + 0.5 * rng.standard_normal((n, d)) @ mixing, negative


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_mean_is_the_difference_of_means():
    positive, negative = states()
    expected = positive.mean(axis=0) - negative.mean(axis=0)
    # Twelve numbers near 10: two orders of summation.
    assert np.abs(vector_of(positive, negative, "mean") - expected).max() < 1e-13


def test_pca_is_the_top_eigenvector_of_the_uncentred_second_moment():
    positive, negative = states()
    differences = positive - negative
    _, vectors = scipy.linalg.eigh(differences.T @ differences)
    found = vector_of(positive, negative, "pca")
    # The Gram matrix squares the condition; its top vector is good to about 1e-12.
    assert abs(cosine(found, vectors[:, -1])) == pytest.approx(1, abs=1e-10)
    centred = differences - differences.mean(axis=0)
    wrong = np.linalg.svd(centred, full_matrices=False)[2][0]
    assert abs(cosine(found, wrong)) < 0.9, "these states do not tell centred from uncentred"


def test_logistic_minimises_the_penalised_likelihood_of_the_scaled_states():
    positive, negative = states()
    both = np.concatenate([positive, negative])
    scaled = (both - both.mean(axis=0)) / np.sqrt(np.mean((both - both.mean(axis=0)) ** 2))
    signs = np.repeat([1.0, -1.0], len(positive))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercept = parameters[:-1], parameters[-1]
        margins = signs * (scaled @ weights + intercept)
        pull = -signs / (1 + np.exp(margins))
        slope = np.append(scaled.T @ pull + weights, pull.sum())
        return np.logaddexp(0, -margins).sum() + weights @ weights / 2, slope

    start = np.zeros(both.shape[1] + 1)
    best = scipy.optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
    found = vector_of(positive, negative, "logistic")
    # Both solvers end with a gradient below 1e-8 of a strongly convex loss; 1 - cos is its square.
    assert cosine(found, best[:-1]) > 1 - 1e-9
    assert cosine(found, positive.mean(0) - negative.mean(0)) < 0.9, "no other than the mean"


@pytest.mark.parametrize("method", METHODS)
def test_the_length_is_the_component_of_the_mean_difference(method):
    positive, negative = states()
    mean = positive.mean(axis=0) - negative.mean(axis=0)
    found = vector_of(positive, negative, method)
    unit = found / np.linalg.norm(found)
    assert np.linalg.norm(found) == pytest.approx(mean @ unit, rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_vector_turns_with_the_states_and_flips_with_the_sides(method):
    positive, negative = states()
    turn = scipy.linalg.qr(np.random.default_rng(1).standard_normal((20, 20)))[0]
    found = vector_of(positive, negative, method)
    scale = np.linalg.norm(found)
    # 1e-8 is what the logistic solver's stopping rule leaves; the other two agree to 1e-14.
    limit = 1e-6 if method == "logistic" else 1e-12
    assert np.abs(vector_of(positive @ turn, negative @ turn, method) - found @ turn).max() < (
        limit * scale
    )
    assert np.abs(vector_of(negative, positive, method) + found).max() < limit * scale


@pytest.mark.parametrize("method", METHODS)
def test_one_pair_gives_its_difference(method):
    positive, negative = states(n=1)
    found = vector_of(positive, negative, method)
    # With two points every recipe's direction is the line through them.
    assert np.abs(found - (positive - negative)[0]).max() < 1e-6


PLANE = np.eye(3)[:2]


@pytest.mark.parametrize(
    ("positive", "negative", "method", "sentence"),
    [
        (PLANE, PLANE, "mean", "must differ, got equal means"),
        (PLANE, PLANE[:1], "mean", r"\(n, d\) states of the same pairs, got \(2, 3\) and \(1, 3\)"),
        (PLANE[0], PLANE[0], "mean", r"must be \(n, d\) states"),
        (PLANE * np.nan, PLANE, "mean", "must be finite, got NaN"),
        (PLANE, 0 * PLANE, "pca", "one first principal component, got two of equal size"),
        (
            np.array([[3.0, 1, 0], [-3, 1, 0]]),
            np.zeros((2, 3)),
            "pca",
            "must have a component of the mean difference.*got none",
        ),
        (PLANE, -PLANE, "PCA ", "unknown method 'PCA '; did you mean 'pca'"),
    ],
)
def test_what_determines_no_vector_is_one_sentence(positive, negative, method, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        vector_of(positive, negative, method)


@pytest.mark.parametrize("method", METHODS)
def test_the_vector_points_from_negative_to_positive(method):
    for seed in range(8):  # the sign that an eigenvector comes with differs from draw to draw
        rng = np.random.default_rng(seed)
        negative = rng.standard_normal((12, 5))
        positive = negative + rng.standard_normal(5) + 0.3 * rng.standard_normal((12, 5))
        assert vector_of(positive, negative, method) @ (positive - negative).mean(axis=0) > 0

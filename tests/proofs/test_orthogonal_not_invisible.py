"""N8's closed forms against exact cubature, projectors and thresholds worked by hand."""

from itertools import combinations, product

import numpy as np
import pytest

from identifiability.visibility import expected_ratio, mean_seen, variance_seen, visibility_ratio
from proofs.orthogonal_not_invisible import sample


def _sphere_rule(k):
    """Points and weights on the sphere of R^k, exact up to degree 5 (Stroud 1971, U_n 5-2)."""
    axes = np.vstack([np.eye(k), -np.eye(k)])
    pairs = []
    for (i, j), signs in product(combinations(range(k), 2), product((1, -1), repeat=2)):
        point = np.zeros(k)
        point[[i, j]] = np.array(signs) / np.sqrt(2)
        pairs.append(point)
    weights = [(4 - k) / (2 * k * (k + 2))] * len(axes) + [1 / (k * (k + 2))] * len(pairs)
    return np.vstack([axes, *pairs]), np.array(weights)


def _metric_and_unit(rng, width):
    root, vector = rng.standard_normal((width, width)), rng.standard_normal(width)
    return root @ root.T, vector / np.linalg.norm(vector)


@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_mean_and_variance_are_those_of_an_exact_rule_on_the_sphere(width):
    G, unit = _metric_and_unit(np.random.default_rng(width), width)
    basis = np.linalg.qr(np.column_stack([unit, np.eye(width)]))[0][:, 1:width]
    points, weights = _sphere_rule(width - 1)
    seen = np.einsum("ni,ij,nj->n", points @ basis.T, G, points @ basis.T)
    assert weights.sum() == pytest.approx(1)
    assert mean_seen(G, unit) == pytest.approx(weights @ seen)
    spread = weights @ (seen - weights @ seen) ** 2
    assert variance_seen(G, unit) == pytest.approx(spread, abs=1e-12 * np.trace(G) ** 2)


def test_nothing_varies_where_the_complement_is_isotropic():
    unit = np.array([1.0, 0, 0, 0])
    assert variance_seen(np.diag([5.0, 2, 2, 2]), unit) == pytest.approx(0, abs=1e-15)
    assert visibility_ratio(np.diag([5.0, 2, 2, 2]), unit) == pytest.approx(2 / 5)


@pytest.mark.parametrize(("rank", "width"), [(3, 4), (3, 9), (5, 6), (8, 8)])
def test_expected_ratio_of_a_projector_is_that_of_a_beta_variable(rank, width):
    projector = np.diag([1.0] * rank + [0.0] * (width - rank))
    inverse = (width - 2) / (rank - 2)  # E 1/q
    assert expected_ratio(projector) == pytest.approx((rank * inverse - 1) / (width - 1))


def test_expected_ratio_is_infinite_at_rank_two_and_one_only_for_multiples_of_the_identity():
    assert expected_ratio(np.diag([1.0, 2.0, 0.0])) == np.inf
    assert expected_ratio(3 * np.eye(5)) == pytest.approx(1)
    assert expected_ratio(np.diag([1.0, 1, 1, 1, 1.2])) > 1 + 1e-4


def test_expected_ratio_against_random_vectors():
    rng = np.random.default_rng(0)
    G = np.diag(np.linspace(0.5, 4, 8))
    vectors = rng.standard_normal((40_000, 8))
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    q = np.sum(units @ G * units, axis=1)
    ratios = (np.trace(G) / q - 1) / 7
    error = ratios.std() / np.sqrt(ratios.size)
    assert abs(ratios.mean() - expected_ratio(G)) < 5 * error


def test_one_score_is_the_rank_one_metric():
    instance = sample(np.random.default_rng(4))
    w, k = instance.gradient.astype(float), instance.vector.size - 1
    rho = visibility_ratio(np.outer(w, w), instance.unit)
    assert np.sqrt(rho) == pytest.approx(instance.tangent / np.sqrt(k))
    cosine = w @ instance.vector / np.linalg.norm(w) / np.linalg.norm(instance.vector)
    assert instance.tangent == pytest.approx(abs(np.tan(np.arccos(cosine))))


def test_effects_of_v_plus_u_scatter_about_one_and_of_u_alone_about_zero():
    instance = sample(np.random.default_rng(5))
    beside = instance.length * instance.directions[:2000]
    alone, together = instance.effect(beside), instance.effect(instance.vector + beside)
    unsteered_and_steered = instance.effect(np.vstack([0 * instance.vector, instance.vector]))
    assert unsteered_and_steered == pytest.approx([0, 1], abs=1e-12)
    assert together == pytest.approx(1 + alone)
    assert abs(alone.mean()) < 5 * alone.std() / np.sqrt(alone.size)

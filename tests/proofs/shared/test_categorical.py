"""Closed forms of distributions over tokens against definitions and finite differences."""

import numpy as np
import pytest

from proofs.shared.categorical import divergence, measured_metric, pulled_back_metric, softmax


def test_softmax_survives_large_logits_and_ignores_a_shift():
    logits = np.array([[1000.0, 999.0], [0.0, -1.0]])
    assert softmax(logits) == pytest.approx(np.array([[0.7310585786, 0.2689414214]] * 2))


def test_divergence_is_kullback_and_leiblers_and_keeps_its_digits_when_small():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), size=2)
    assert divergence(p, q) == pytest.approx(np.sum(p * np.log(p / q)))
    # Two outcomes of 1/2 moved by e: KL = -log(1 - 4e^2)/2 = 2e^2 = 2e-16, the rounding of 1.
    half, moved = np.array([0.5, 0.5]), np.array([0.5 + 1e-8, 0.5 - 1e-8])
    assert divergence(half, moved) == pytest.approx(2e-16, rel=1e-6, abs=0)


def test_pulled_back_metric_is_the_covariance_of_slopes_and_exactly_symmetric():
    rng = np.random.default_rng(1)
    jacobian, p = rng.standard_normal((6, 4)), rng.dirichlet(np.ones(6))
    metric = pulled_back_metric(jacobian, p)
    assert metric == pytest.approx(np.cov(jacobian.T, aweights=p, bias=True))
    assert np.array_equal(metric, metric.T)


def test_measured_metric_finds_the_closed_form():
    rng = np.random.default_rng(2)
    jacobian, bias = rng.standard_normal((5, 3)), rng.standard_normal(5)
    found = measured_metric(lambda x: softmax(jacobian @ x + bias), np.zeros(3))
    assert found == pytest.approx(pulled_back_metric(jacobian, softmax(bias)), abs=1e-10)

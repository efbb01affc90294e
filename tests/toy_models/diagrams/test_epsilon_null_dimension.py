"""The diagram of the epsilon-null dimension: closed form, bounds, and what 5 % would say."""

import json

import numpy as np
import pytest

from toy_models.diagram import as_json
from toy_models.diagrams.epsilon_null_dimension import DIAGRAM, draw, measure, theory


@pytest.fixture(scope="module")
def thin():
    return [(point, measure(point, 9 + i)) for i, point in enumerate(DIAGRAM.points(False))]


def test_checks_agree_and_the_drawing_is_plain(thin):
    drawn = as_json(DIAGRAM, thin)
    assert all(check["agrees"] for check in drawn["checks"]), drawn["checks"]
    json.dumps(drawn, allow_nan=False)
    curves = {curve["label"]: curve for curve in drawn["curves"]}
    assert curves["closed form"]["y"] == curves["from the exact Jacobian"]["y"]
    assert curves["closed form"]["y"][0] == 0
    assert curves["closed form"]["y"][-1] == 24
    baseline = curves["singular values below 5% of the largest"]
    assert baseline["role"] == "baseline"
    assert baseline["y"][0] > 3


@pytest.mark.parametrize("tau", [0.1, 0.3, 1.0, 3.0, 10.0])
def test_closed_form_is_the_count_of_what_stays_within_epsilon(tau):
    """By the KL of each singular direction itself, at radius 1: (1/i)^2 / (2 tau^2)."""
    divergence = (1 / np.arange(1, 25)) ** 2 / (2 * tau**2)
    assert theory(tau) == int(np.sum(divergence <= 0.01))


def test_kl_of_the_claimed_subspace_by_sampling():
    """Monte-Carlo log-likelihood ratio of Gaussian outputs against ||J delta||^2 / (2 tau^2)."""
    rng = np.random.default_rng(0)
    shift, tau = rng.standard_normal(6) / 10, 0.5
    drawn = tau * rng.standard_normal((200_000, 6))
    ratio = (np.sum((drawn - shift) ** 2, axis=1) - np.sum(drawn**2, axis=1)) / (2 * tau**2)
    error = ratio.std() / np.sqrt(len(ratio))
    assert abs(ratio.mean() - shift @ shift / (2 * tau**2)) < 5 * error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exact", 5.0),
        ("at_most", 1.0),
        ("worst_kl", 0.02),
        ("kernel", 4.0),
        ("surely", 0.0),
        ("relative", 0.0),
        ("relative", 24.0),
    ],
)
def test_a_number_that_is_off_fails_a_check(thin, key, value):
    spoiled = [(point, {**found, key: value}) for point, found in thin]
    assert not all(check.agrees for check in draw(spoiled).checks)

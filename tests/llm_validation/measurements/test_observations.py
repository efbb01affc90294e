"""Every rung is a likelihood: its gradient and information against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from llm_validation.continuation import Continuation
from llm_validation.measurements.observations import (
    API_STEP,
    BFLOAT16,
    FLOAT32,
    bfloat16_noise,
    observe,
)
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS, LAYER = prompt(9), 1
RNG = np.random.default_rng(0)
VECTOR = 0.5 * RNG.standard_normal(WIDTH)
RUNGS = (FLOAT32, BFLOAT16, "top:5", "samples:300", "score")
COMPLETIONS = [[5, 9, 11], [7, 8]]


def seen_through(rung: str, vector: np.ndarray = VECTOR):
    return observe(
        tiny_language_model("llama"),
        rung,
        IDS[0].tolist(),
        LAYER,
        vector,
        noise=1e-3,
        completions=COMPLETIONS if rung == "score" else [],
        rng=np.random.default_rng(1),
    )


def steered_log_p(vector: np.ndarray) -> np.ndarray:
    model = tiny_language_model("llama")
    state = Continuation(model, IDS, LAYER).state + torch.tensor(vector)
    return log_softmax(full_logits(model.model, IDS, LAYER, IDS.shape[1] - 1, state).numpy())


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("near", [0.0, 0.9])
def test_the_gradient_is_that_of_the_misfit(rung, near):
    observation = seen_through(rung)
    at = near * VECTOR
    misfit, gradient = observation.gradient(at)
    assert misfit == pytest.approx(observation.misfit(at), rel=1e-9)
    for direction in np.random.default_rng(2).standard_normal((3, WIDTH)):
        step = 1e-5 * direction
        slope = (observation.misfit(at - step) - observation.misfit(at + step)) / 2e-5
        assert slope == pytest.approx(gradient @ direction, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("rung", [FLOAT32, "top:5", "score"])
def test_the_information_is_the_curvature_where_the_residual_is_none(rung):
    observation = seen_through(rung)
    information = observation.information(VECTOR)
    # Rounding to an interface's step leaves a residual of up to one noise, times the curvature.
    for direction in np.random.default_rng(3).standard_normal((3, WIDTH)):
        step = 1e-3 * direction
        both = observation.misfit(VECTOR + step) + observation.misfit(VECTOR - step)
        curvature = (both - 2 * observation.misfit(VECTOR)) / 1e-6
        assert curvature == pytest.approx(direction @ information @ direction, rel=2e-2)


def test_samples_have_n_times_the_fisher_metric_and_come_from_the_steered_model():
    observation = seen_through("samples:300")
    information = observation.information(VECTOR)
    there = Continuation(tiny_language_model("llama"), IDS, LAYER)
    expected = 300 * there.fisher(there.state + torch.tensor(VECTOR))
    np.testing.assert_allclose(information, expected, rtol=1e-12)
    counts = np.random.default_rng(1).multinomial(300, np.exp(steered_log_p(VECTOR)))
    assert observation.misfit(VECTOR) == pytest.approx(-counts @ steered_log_p(VECTOR), rel=1e-9)


def test_top_log_probabilities_are_those_of_the_steered_model_rounded():
    observation = seen_through("top:5")
    expected = np.sort(steered_log_p(VECTOR))[:-6:-1]
    np.testing.assert_allclose(observation._seen, expected, atol=0.5001 * API_STEP)
    np.testing.assert_allclose(np.round(observation._seen / API_STEP) * API_STEP, observation._seen)
    information = observation.information(0 * VECTOR)
    assert np.linalg.matrix_rank(information, hermitian=True) == 5


def test_the_score_is_the_mean_log_odds_per_token():
    observation = seen_through("score")
    model = tiny_language_model("llama")

    def mean(completion):
        total, ids = 0.0, IDS
        for token in completion:
            with torch.no_grad():
                log_p = torch.log_softmax(model.model(input_ids=ids).logits[0, -1].double(), -1)
            total += float(log_p[token])
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
        return total / len(completion)

    # The plain model computes in float32 within (llm_validation.precision).
    expected = mean(COMPLETIONS[0]) - mean(COMPLETIONS[1])
    assert observation.value(0 * VECTOR) == pytest.approx(expected, abs=1e-5)
    assert observation.value(VECTOR) != pytest.approx(expected, abs=1e-3)


def test_bfloat16_noise_is_what_rounding_does():
    logits = torch.tensor(10 * np.random.default_rng(5).standard_normal(20000))
    error = (logits.bfloat16().double() - logits).numpy()
    assert bfloat16_noise(logits) == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.05)
    observation = seen_through(BFLOAT16)
    assert 0.1 < 2 * observation.misfit(VECTOR) / observation.values < 10


def test_float32_logits_have_an_error_of_the_size_that_the_rung_is_said_to_have():
    """The fit computes in the same arithmetic: without one, the misfit at the vector were zero."""
    observation = seen_through(FLOAT32)
    squares = 2 * observation.misfit(VECTOR)  # chi-squared with so many degrees of freedom
    assert abs(squares - observation.values) < 4 * np.sqrt(2 * observation.values)


@pytest.mark.parametrize("rung", ["top:5", "score"])
def test_gradient_and_information_are_of_the_vector_asked_last(rung):
    observation, other = seen_through(rung), seen_through(rung)
    observation.gradient(0 * VECTOR)
    np.testing.assert_array_equal(observation.information(VECTOR), other.information(VECTOR))
    np.testing.assert_array_equal(
        observation.gradient(0 * VECTOR)[1], other.gradient(0 * VECTOR)[1]
    )

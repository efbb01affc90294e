"""Odd differences against full forward passes with the state replaced."""

from __future__ import annotations

import numpy as np

from llm_validation.continuation import Continuation
from llm_validation.measurements.logit_coordinates import logit_coordinates
from llm_validation.measurements.odd_differences import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(9)
VECTORS = np.random.default_rng(0).standard_normal((2, WIDTH))


def found(strengths):
    model = tiny_language_model("llama")
    ids = IDS[0].tolist()
    return model, measure(model, ids=ids, layer=1, vectors=VECTORS, strengths=strengths, seed=0)


def test_they_are_those_of_full_forward_passes():
    model, measured = found([0.1, 1.0])
    there = Continuation(model, IDS, 1)
    for i, vector in enumerate(VECTORS):
        for j, alpha in enumerate((0.1, 1.0)):
            up, down = (
                full_logits(
                    model.model, IDS, 1, IDS.shape[1] - 1, there.state + there.state.new_tensor(x)
                )
                for x in (alpha * vector, -alpha * vector)
            )
            expected = logit_coordinates(model).of_logits((up - down) / 2)
            np.testing.assert_allclose(measured["odd"][i, j], expected, atol=1e-9)


def test_they_are_the_jacobian_times_the_vector_but_for_a_third_order():
    _, measured = found([1e-3, 1e-2])
    linear = VECTORS @ measured["jacobian"].T
    left = [measured["odd"][:, j] / a - linear for j, a in enumerate((1e-3, 1e-2))]
    sizes = np.linalg.norm(left, axis=-1)
    np.testing.assert_allclose(np.log10(sizes[1] / sizes[0]), 2, atol=0.1)


def test_without_vectors_there_is_the_jacobian():
    model = tiny_language_model("llama")
    nothing = measure(
        model, ids=IDS[0].tolist(), layer=1, vectors=np.zeros((0, WIDTH)), strengths=[1.0], seed=0
    )
    assert nothing["odd"].shape[:2] == (0, 1)
    np.testing.assert_array_equal(nothing["jacobian"], found([1.0])[1]["jacobian"])

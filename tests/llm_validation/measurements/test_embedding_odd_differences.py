"""Odd differences of an embedding against full forward passes with the state replaced."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.encoder import EncoderContinuation
from llm_validation.measurements.embedding_odd_differences import measure
from tests.llm_validation.encoders import WIDTH, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]
VECTORS = np.random.default_rng(0).standard_normal((2, WIDTH))


def found(strengths, dtype=torch.float64, vectors=VECTORS):
    reading = gaussian(dtype=dtype)
    return measure(reading, ids=IDS, layer=1, vectors=vectors, strengths=strengths, seed=0)


def test_they_are_those_of_full_forward_passes():
    model, measured = gaussian().encoder.model, found([0.1, 1.0])
    state, ids = EncoderContinuation(model, IDS, 1).state, torch.tensor([IDS])
    for i, vector in enumerate(torch.tensor(VECTORS)):
        for j, alpha in enumerate((0.1, 1.0)):
            up, down = (full_output(model, ids, 1, 0, state + s * alpha * vector) for s in (1, -1))
            np.testing.assert_allclose(measured["odd"][i, j], ((up - down) / 2).numpy(), atol=1e-13)


def test_they_are_the_jacobian_times_the_vector_but_for_a_third_order():
    measured = found([1e-3, 1e-2])
    linear = VECTORS @ measured["jacobian"].T
    left = [measured["odd"][:, j] / a - linear for j, a in enumerate((1e-3, 1e-2))]
    sizes = np.linalg.norm(left, axis=-1)
    np.testing.assert_allclose(np.log10(sizes[1] / sizes[0]), 2, atol=0.1)


def test_without_vectors_there_is_the_jacobian():
    nothing = found([1.0], vectors=np.zeros((0, WIDTH)))
    assert nothing["odd"].shape == (0, 1, WIDTH)
    np.testing.assert_array_equal(nothing["jacobian"], found([1.0])["jacobian"])


def test_rounding_is_that_of_the_dtype_and_no_curvature():
    """Against the scatter of one evaluation in float32 around the same one in float64."""
    single = found([1.0], dtype=torch.float32)["rounding"]
    double = found([1.0])["rounding"]
    reading = gaussian(dtype=torch.float32)
    here = EncoderContinuation(reading.encoder, IDS, 1)
    there = EncoderContinuation(reading.wide.encoder, IDS, 1)
    steps = 1e-3 * torch.randn(64, WIDTH, generator=torch.Generator().manual_seed(0))
    errors = here(here.state + steps).double() - there((here.state + steps).double())
    actual = (errors - errors.mean(0)).pow(2).mean().sqrt().item()
    assert 1 / 3 < np.sqrt(np.mean(single**2)) / actual < 3
    assert np.abs(double).max() < 1e-14

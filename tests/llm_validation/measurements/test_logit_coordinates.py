"""Coordinates keep every length and angle of all logits, and their Jacobian is autograd's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.measurements.logit_coordinates import LogitCoordinates, rounding_noise
from tests.llm_validation.architectures import WIDTH, WORDS, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(9)


def pair(name: str, dtype: torch.dtype = torch.float64):
    model = tiny_language_model(name, dtype)
    return LogitCoordinates(model), Continuation(model, IDS, 1)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_inner_products_are_those_of_all_centred_logits(name):
    coordinates, there = pair(name)
    coordinates.require_linear(there)
    moved = there.state + torch.tensor(np.random.default_rng(0).standard_normal((4, WIDTH)))
    with torch.no_grad():
        changes = there(moved) - there(there.state)
        finals = there.final_state(moved) - there.final_state(there.state)
    centred = (changes - changes.mean(-1, keepdim=True)).numpy()
    found = coordinates.of_logits(changes)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, rtol=1e-9)
    np.testing.assert_allclose(coordinates.of_final_state(finals), found, rtol=1e-8, atol=1e-10)


def test_the_jacobian_has_the_gram_matrix_of_all_logits():
    coordinates, there = pair("llama")
    h = there.state + 0.3
    every = torch.autograd.functional.jacobian(there, h).numpy()
    centred = every - every.mean(0)
    found = coordinates.jacobian(there, h)
    np.testing.assert_allclose(found.T @ found, centred.T @ centred, rtol=1e-8, atol=1e-10)


def test_a_head_that_bends_its_logits_is_refused():
    coordinates, there = pair("gemma2")
    with pytest.raises(InvalidInput, match="need logits that are linear in the final state"):
        coordinates.require_linear(there)


def test_rounding_is_that_of_the_dtype():
    """Float32 against the same evaluation in float64, an oracle that the samples do not use."""
    coordinates, there = pair("llama", torch.float32)
    wide, there64 = pair("llama", torch.float64)
    samples = rounding_noise(there, coordinates, seed=0, draws=32)
    assert samples.shape == (32, WIDTH)
    rng = np.random.default_rng(1)
    states = there.state + 1e-3 * torch.tensor(rng.standard_normal((32, WIDTH))).float()
    with torch.no_grad():
        here, there_ = there.final_state(states).double(), there64.final_state(states.double())
    error = np.sqrt(np.mean((here - there_).numpy() ** 2))
    in_final = np.linalg.lstsq(coordinates.root, samples.T, rcond=None)[0]
    found = np.sqrt(np.mean(in_final**2))
    # Displaced states round as well here, and errors that are the same everywhere cancel.
    assert error / 4 < found < 4 * error
    assert np.sqrt(np.mean(rounding_noise(there64, wide, seed=0) ** 2)) < 1e-6 * found
    assert WORDS > WIDTH

"""Factors of logit Jacobians against forward mode through whole forward passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_validation.continuation import Continuation
from llm_validation.hooks import read_states
from llm_validation.measurements.logit_jacobian import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS, LAYER = prompt(7)[0].tolist(), 1
# Set before measuring: a central difference of step 1e-5 in float64 has errors of 1e-10 of the
# third derivative and 1e-11 of rounding, for entries of order 1.
DIFFERENCED = 1e-7


def differenced(model, displacement=None) -> np.ndarray:
    """J (V, d) by central differences of the whole forward pass."""
    ids = torch.tensor([IDS])
    state = read_states(model, ids, LAYER)[-1]
    if displacement is not None:
        state = state + torch.from_numpy(displacement)
    step = 1e-5
    columns = [
        (
            full_logits(model.model, ids, LAYER, -1, state + step * e)
            - full_logits(model.model, ids, LAYER, -1, state - step * e)
        )
        / (2 * step)
        for e in torch.eye(WIDTH, dtype=torch.float64)
    ]
    return torch.stack(columns, dim=1).detach().numpy()


# Gemma's soft cap bends each logit by another amount; OPT's head is narrower than its stream.
@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "granite", "opt_post_ln"])
def test_its_squares_are_those_of_the_centred_jacobian(name):
    model = tiny_language_model(name)
    found, jacobian = measure(model, ids=IDS, layer=LAYER), differenced(model)
    centred = jacobian - jacobian.mean(axis=0)
    scale = np.abs(jacobian.T @ jacobian).max()
    squares = found["factor"].T @ found["factor"]
    np.testing.assert_allclose(squares / scale, centred.T @ centred / scale, atol=DIFFERENCED)
    whole = squares + np.outer(found["common"], found["common"])
    np.testing.assert_allclose(whole / scale, jacobian.T @ jacobian / scale, atol=DIFFERENCED)


def test_displaced_it_is_the_jacobian_there():
    model, moved = tiny_language_model("llama"), np.linspace(-1, 1, WIDTH)
    found = measure(model, ids=IDS, layer=LAYER, displacement=moved)["factor"]
    jacobian = differenced(model, moved)
    centred = jacobian - jacobian.mean(axis=0)
    np.testing.assert_allclose(found.T @ found, centred.T @ centred, atol=1e-6)
    own = measure(model, ids=IDS, layer=LAYER)["factor"]
    assert np.abs(own.T @ own - found.T @ found).max() > 1e-2


def test_it_has_the_kernel_of_the_fisher_metric():
    model = tiny_language_model("llama")
    right = np.linalg.svd(measure(model, ids=IDS, layer=LAYER)["factor"])[2]
    metric = Continuation(model, IDS, LAYER).fisher()
    seen = np.einsum("ki,ij,kj->k", right, metric, right)
    assert seen[-1] < 1e-12 * seen[:-1].min()


def test_a_float32_model_is_measured_in_float64():
    narrow = tiny_language_model("llama", torch.float32)
    wide = narrow.to_dtype("float64")
    found = [measure(model, ids=IDS, layer=LAYER)["factor"] for model in (narrow, wide)]
    np.testing.assert_array_equal(*found)

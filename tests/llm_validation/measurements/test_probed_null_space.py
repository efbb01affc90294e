"""Finite-difference probes against the dense Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_validation.continuation import Continuation
from llm_validation.measurements import probed_null_space
from llm_validation.measurements.probed_null_space import measure, random_probes
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(7)[0].tolist()
SETTINGS = {"ids": IDS, "layer": 1, "probes": 50, "step": 1e-4, "seed": 3}


def responses(model) -> np.ndarray:
    there = Continuation(model, IDS, 1)
    jacobian = there.jacobian_operator().matmat(np.eye(WIDTH))
    return random_probes(50, WIDTH, 3) @ jacobian.T


def test_they_see_the_jacobian():
    model = tiny_language_model("llama")
    found, exact = measure(model, **SETTINGS), responses(model)
    # Set before measuring: the third-order term at a relative step of 1e-4.
    np.testing.assert_allclose(found["sizes"], np.linalg.norm(exact, axis=1), rtol=1e-5)
    values = np.linalg.svd(exact, compute_uv=False)
    np.testing.assert_allclose(
        found["singular_values"][:WIDTH], values[:WIDTH], atol=1e-5 * values[0]
    )
    assert found["singular_values"].shape == (50,)
    assert (found["singular_values"][WIDTH:] < 1e-5 * values[0]).all()


def test_float32_logits_give_them_to_the_rounding_of_a_difference():
    narrow = measure(tiny_language_model("llama", torch.float32), **(SETTINGS | {"step": 1e-2}))
    wide = measure(tiny_language_model("llama"), **(SETTINGS | {"step": 1e-2}))
    np.testing.assert_allclose(narrow["sizes"], wide["sizes"], rtol=1e-3)


def test_chunks_change_nothing_and_a_seed_is_a_sample(monkeypatch):
    model = tiny_language_model("llama")
    first = measure(model, **SETTINGS)
    monkeypatch.setattr(probed_null_space, "_ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(measure(model, **SETTINGS)["sizes"], first["sizes"], rtol=1e-8)
    assert not np.allclose(measure(model, **(SETTINGS | {"seed": 4}))["sizes"], first["sizes"])


def test_probes_are_unit_vectors():
    units = random_probes(20, 9, 0)
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1)
    assert np.linalg.matrix_rank(units) == 9


@pytest.mark.parametrize("probes", [1, 3])
def test_few_probes_are_as_good(probes):
    found = measure(tiny_language_model("gpt2"), **(SETTINGS | {"probes": probes}))
    assert found["singular_values"].shape == found["sizes"].shape == (probes,)
    np.testing.assert_allclose(np.sum(found["singular_values"] ** 2), np.sum(found["sizes"] ** 2))

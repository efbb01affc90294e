"""Responses of single logits, and the atoms that the head reads along."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.measurements import output_responses
from llm_validation.measurements.output_responses import measure
from llm_validation.measurements.unembedding_atoms import measure as atoms
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS, TOKENS, SHARE = prompt(9), [40, 3, 17], 0.02
UNITS = np.linalg.qr(np.random.default_rng(0).standard_normal((WIDTH, 5)))[0].T


def test_responses_are_those_of_full_forward_passes_and_gradients_autograds(monkeypatch):
    monkeypatch.setattr(output_responses, "_AT_ONCE", 2)  # the last pass has one direction
    model = tiny_language_model("gemma2")
    found = measure(
        model, ids=IDS[0].tolist(), layer=1, tokens=TOKENS, directions=UNITS, share=SHARE
    )
    there = Continuation(model, IDS, 1)
    size = SHARE * float(there.state.norm())
    place = IDS.shape[1] - 1
    for unit, response in zip(torch.tensor(UNITS), found["responses"], strict=True):
        up, down = (
            full_logits(model.model, IDS, 1, place, there.state + s * size * unit) for s in (1, -1)
        )
        np.testing.assert_allclose(response, ((up - down) / (2 * size))[TOKENS], atol=1e-9)
    expected = torch.autograd.functional.jacobian(there, there.state)[TOKENS].numpy()
    np.testing.assert_allclose(found["gradients"], expected, atol=1e-10)
    # The third order, at a fiftieth of the state.
    np.testing.assert_allclose(found["responses"], UNITS @ expected.T, rtol=0.05, atol=1e-4)


def test_atoms_are_unit_rows_of_the_head():
    model = tiny_language_model("llama")
    found = atoms(model, tokens=TOKENS)["atoms"]
    rows = model.model.lm_head.weight.detach()[TOKENS].numpy()
    assert found.shape == (WIDTH, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1)
    np.testing.assert_allclose(found.T * np.linalg.norm(rows, axis=1)[:, None], rows)


def test_a_head_of_another_width_has_no_atoms_here():
    with pytest.raises(InvalidInput, match="the head must read states of width 32, it reads 16"):
        atoms(tiny_language_model("opt_post_ln"), tokens=TOKENS)

"""A model in a rotated basis against itself, and against rotations that leave something out."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from llm_validation.hooks import read_states
from llm_validation.measurements import rotated_basis
from llm_validation.measurements.rotated_basis import measure, rotated
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import WIDTH, prompt, tiny
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPTS = [prompt(7)[0].tolist(), prompt(4)[0].tolist()]


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "granite"])
def test_the_outputs_are_the_same_and_the_states_are_turned(name):
    found = measure(tiny_language_model(name), prompts=PROMPTS, seed=2)
    assert (found["kl"] < 1e-20).all()
    assert (found["logits"] < 1e-12).all()
    assert (found["states"] < 1e-12).all()
    assert (found["moved"] > 0.1).all()


def test_tied_embeddings_come_apart():
    model = tiny_language_model("llama")
    tied = copy.deepcopy(model.model)
    tied.lm_head.weight = tied.model.embed_tokens.weight
    turned = rotated(decoder_of(tied), torch.linalg.qr(torch.randn(WIDTH, WIDTH).double())[0])
    ids = torch.tensor([PROMPTS[0]])
    torch.testing.assert_close(turned(ids).logits, tied(ids).logits, rtol=1e-5, atol=1e-5)
    assert turned.lm_head.weight is not turned.model.embed_tokens.weight


def test_a_matrix_that_is_no_rotation_is_noticed(monkeypatch):
    def stretched(width: int, seed: int) -> torch.Tensor:
        return torch.diag(torch.linspace(0.5, 2, width, dtype=torch.float64))

    monkeypatch.setattr(rotated_basis, "_rotation", stretched)
    found = measure(tiny_language_model("llama"), prompts=PROMPTS, seed=2)
    assert (found["kl"] > 1e-6).all()


def test_the_model_itself_is_left_as_it_was():
    model = tiny_language_model("llama")
    before = read_states(model, PROMPTS[0], 1)
    measure(model, prompts=PROMPTS, seed=2)
    torch.testing.assert_close(read_states(model, PROMPTS[0], 1), before, rtol=0, atol=0)


def test_rotations_are_rotations_and_differ_by_seed():
    one, other = (rotated_basis._rotation(9, seed) for seed in (0, 1))
    np.testing.assert_allclose(one @ one.T, np.eye(9), atol=1e-12)
    assert (one - other).abs().max() > 0.1


def test_a_norm_with_another_gain_is_not_taken_for_a_plain_one():
    # Gemma multiplies by one plus its weights.
    norm = tiny("gemma2").model.norm
    assert not rotated_basis._is_plain(norm, norm.weight)

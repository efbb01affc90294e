"""What a model's build says of its symmetries, against what whole forward passes do."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from llm_validation.hooks import read_states
from llm_validation.measurements.symmetry_group import measure
from tests.llm_validation.architectures import ARCHITECTURES, BLOCKS, prompt, tiny
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

TEXT_ONLY = [name for name in ARCHITECTURES if name not in {"llava", "gemma3_vision", "qwen2_vl"}]
PRE_LN = {"gpt2", "gpt_neox", "gptj", "opt", "bloom", "falcon_alibi", "phi", "cohere", "stablelm"}
LLAMA_LIKE = {"llama", "mistral", "qwen2", "qwen3", "granite"}


def mean_is_invisible(name: str) -> set[bool]:
    """By moving the state after each block along the ones, in a plain forward pass."""
    model, ids = tiny(name), prompt(6)
    found = set()
    for layer in range(BLOCKS):
        state = read_states(model, ids, layer)[-1]
        before = full_logits(model, ids, layer, -1, state).log_softmax(-1)
        after = full_logits(model, ids, layer, -1, state + 2.0).log_softmax(-1)
        found.add(bool((before - after).abs().max() < 1e-9))
    return found


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_the_mean_direction_is_invisible_where_the_build_says_so(name):
    found = measure(tiny_language_model(name))
    assert found["mean_direction"] == (name in PRE_LN)
    assert mean_is_invisible(name) == {name in PRE_LN}


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_the_last_state_has_a_norm_after_it_but_in_post_ln(name):
    model, ids = tiny(name), prompt(6)
    found = measure(tiny_language_model(name))["final_norm"]
    assert found == (name != "opt_post_ln")
    # Such a norm does not see the length of the state after the last block, but for its epsilon.
    state = read_states(model, ids, -1)[-1]
    logits = [full_logits(model, ids, 3, -1, size * state) for size in (1.0, 1.5)]
    same = bool((logits[0] - logits[1]).abs().max() < 1e-3 * logits[0].abs().max())
    assert same == found


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_only_blocks_like_llamas_are_rotated(name):
    assert (measure(tiny_language_model(name))["unrotatable"] == "") == (name in LLAMA_LIKE)


def test_a_norm_of_the_embeddings_is_no_final_norm():
    model = tiny_language_model("bloom")
    changed = copy.deepcopy(model.model)
    changed.transformer.ln_f = torch.nn.Identity()
    found = measure(replace(model, model=changed))
    assert (found["final_norm"], found["mean_direction"]) == (False, False)


def test_it_leaves_no_hook_behind():
    model = tiny_language_model("gpt2")
    measure(model)
    hooks = [part._forward_pre_hooks or part._forward_hooks for part in model.model.modules()]
    assert not any(hooks)
    assert isinstance(model.model, torch.nn.Module)

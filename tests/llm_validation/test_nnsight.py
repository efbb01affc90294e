"""The layer convention against nnsight, another library that reads and writes block outputs."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from nnsight import NNsight

from llm_validation.hooks import read_states, steer
from tests.llm_validation.architectures import BLOCKS, WIDTH, prompt, tiny
from tests.llm_validation.full_forward import relative_error

# Where each architecture keeps its blocks, by name, as users of nnsight write it.
PATHS = {
    "llama": "model.layers",
    "gpt2": "transformer.h",
    "bloom": "transformer.h",
    "gpt_neox": "gpt_neox.layers",
    "opt": "model.decoder.layers",
    "gemma3": "model.layers",
    "llava": "model.language_model.layers",
}
# The same float32 arithmetic in another order of additions at most.
EXACT = 1e-5


def block_of(model: Any, path: str, layer: int) -> tuple[Any, Any]:
    wrapped = NNsight(model)
    return wrapped, functools.reduce(getattr, path.split("."), wrapped)[layer]


def nnsight_state(model: Any, path: str, layer: int, ids: torch.Tensor) -> torch.Tensor:
    """(T, d) after block ``layer``."""
    wrapped, block = block_of(model, path, layer)
    with torch.no_grad(), wrapped.trace(input_ids=ids):
        output = block.output.save()
    return (output[0] if isinstance(output, tuple) else output).reshape(ids.shape[1], -1)


def nnsight_steered(
    model: Any, path: str, layer: int, ids: torch.Tensor, shift: torch.Tensor
) -> torch.Tensor:
    """(T, V) logits with ``shift`` added after block ``layer`` at every position."""
    wrapped, block = block_of(model, path, layer)
    with torch.no_grad(), wrapped.trace(input_ids=ids):
        output = block.output
        if isinstance(output, tuple):
            block.output = (output[0] + shift, *output[1:])
        else:
            block.output = output + shift
        logits = wrapped.output.logits.save()
    return logits[0]


@pytest.mark.parametrize("name", PATHS)
def test_after_block_i_is_what_nnsight_calls_the_output_of_block_i(name):
    model, ids = tiny(name, torch.float32), prompt()
    shift = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))
    plain = model(input_ids=ids).logits[0]
    for layer in range(BLOCKS):
        expected = nnsight_state(model, PATHS[name], layer, ids)
        assert relative_error(read_states(model, ids, layer), expected) < EXACT, layer
        steered = nnsight_steered(model, PATHS[name], layer, ids, shift)
        with torch.no_grad(), steer(model, shift, layer, 1.0):
            found = model(input_ids=ids).logits[0]
        assert relative_error(found, steered) < EXACT, layer
        assert relative_error(plain, steered) > 1e-3, layer


def test_the_real_model_agrees_too(smollm, smollm_ids):
    ids, layer = torch.tensor([smollm_ids]), 15
    expected = nnsight_state(smollm.model, "model.layers", layer, ids)
    assert relative_error(read_states(smollm, ids, layer), expected) < EXACT
    shift = expected[-1] / 10
    steered = nnsight_steered(smollm.model, "model.layers", layer, ids, shift)
    with torch.no_grad(), steer(smollm, shift, layer, 1.0):
        found = smollm.model(input_ids=ids).logits[0]
    assert relative_error(found, steered) < EXACT

"""Reads of later layers against plain forward passes of the whole prompt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.hooks import edit_output
from llm_validation.measurements.later_reads import measure
from llm_validation.precision import true_precision
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(9)
READS, LATER, SEED = 5, [2, 3], 4
DISPLACEMENTS = np.random.default_rng(0).standard_normal((2, WIDTH))


def state_after(model, layer: int, displacement: np.ndarray) -> np.ndarray:
    """(d,) of the last token in a forward pass of all tokens, displaced after block 1."""
    blocks, seen = decoder_of(model).blocks, []

    def displace(hidden):
        moved = hidden.clone()
        moved[0, -1] += torch.tensor(displacement)
        return moved

    def read(hidden):
        seen.append(hidden[0, -1])
        return hidden

    with (
        torch.no_grad(),
        true_precision(model.model),
        edit_output(blocks[1], displace),
        edit_output(blocks[layer], read),
    ):
        model.model(input_ids=IDS, use_cache=False)
    return seen[0].numpy()


def found(name: str, displacements: np.ndarray = DISPLACEMENTS):
    model = tiny_language_model(name)
    return model, measure(
        model,
        ids=IDS[0].tolist(),
        layer=1,
        later=LATER,
        reads=READS,
        displacements=displacements,
        seed=SEED,
    )


def readout() -> np.ndarray:
    draws = np.random.default_rng(SEED).standard_normal((len(LATER), READS, WIDTH))
    return draws / np.sqrt(WIDTH)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_responses_are_those_of_whole_forward_passes(name):
    model, measured = found(name)
    for i, x in enumerate(DISPLACEMENTS):
        for k, layer in enumerate(LATER):
            half = (state_after(model, layer, x) - state_after(model, layer, -x)) / 2
            expected = readout()[k] @ half
            np.testing.assert_allclose(measured["responses"][i, k], expected, atol=1e-9)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_rows_are_the_derivative_of_the_reads_and_the_chain_rule_holds(name):
    _, measured = found(name, 1e-4 * DISPLACEMENTS)
    linear = np.einsum("kmd,nd->nkm", measured["rows"], 1e-4 * DISPLACEMENTS)
    np.testing.assert_allclose(measured["responses"], linear, atol=1e-9)
    np.testing.assert_allclose(measured["chained"], measured["rows"][-1], atol=1e-10)
    assert not np.allclose(measured["rows"][0], measured["rows"][1])


@pytest.mark.parametrize("later", [[2], [1, 2], [3, 2], [2, 4]])
def test_layers_must_be_later_and_ascending(later):
    with pytest.raises(InvalidInput, match="later must be two or more ascending layers after 1"):
        measure(
            tiny_language_model("llama"),
            ids=IDS[0].tolist(),
            layer=1,
            later=later,
            reads=2,
            displacements=DISPLACEMENTS,
            seed=0,
        )

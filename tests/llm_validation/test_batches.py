"""A batch of unequal prompts against each of them alone, on every architecture."""

from __future__ import annotations

import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.batches import pad
from llm_validation.hooks import read_states, steer
from llm_validation.precision import true_precision
from tests.llm_validation.architectures import ARCHITECTURES, BLOCKS, WIDTH, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import relative_error

pytestmark = pytest.mark.usefixtures("device")


# The sliding windows of 5 are shorter than the longest and longer than the shortest.
PROMPTS = [prompt(11), prompt(4), prompt(7).flip(1)]  # on the CPU: ``pad`` moves them
VECTOR = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
# Set before measuring: a hundred roundings of float64 through four blocks.
EXACT = 1e-12


def logits(model, **inputs):
    with torch.no_grad(), true_precision(model):
        return model(**inputs).logits


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_batch_is_its_prompts_one_by_one(name, side):
    model = tiny(name)
    batch = pad(model, PROMPTS, side)
    states = read_states(model, batch, range(BLOCKS))
    assert states.shape == (BLOCKS, 3, 11, WIDTH)
    answers = batch.rows(logits(model, **batch.inputs))
    steered = {}
    for positions in ("all", "prompt", "last"):
        with steer(model, VECTOR, 1, 0.7, positions):
            steered[positions] = batch.last(logits(model, **batch.inputs))
    for row, alone in enumerate(PROMPTS):
        own = read_states(model, alone, range(BLOCKS))
        for layer in range(BLOCKS):
            assert relative_error(batch.rows(states[layer])[row], own[layer]) < EXACT, layer
        plain = logits(model, input_ids=here(alone))[0]
        assert relative_error(answers[row], plain) < EXACT
        for positions, found in steered.items():
            with steer(model, VECTOR, 1, 0.7, positions):
                expected = logits(model, input_ids=here(alone))[0, -1]
            assert relative_error(found[row], expected) < EXACT, positions
            assert relative_error(found[row], plain[-1]) > 1e-3, positions


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_of_the_real_model_is_its_prompts_one_by_one(smollm, smollm_ids, side):
    prompts = [smollm_ids, smollm_ids[:3], smollm_ids[4:9]]
    batch = pad(smollm, prompts, side)
    shift = read_states(smollm, smollm_ids, 15)[-1] / 10
    with steer(smollm, shift, 15, 1.0, "last"):
        found = batch.last(logits(smollm.model, **batch.inputs))
    states = batch.rows(read_states(smollm, batch, 15))
    for row, alone in enumerate(prompts):
        # float32 through 30 blocks: rounding gives 1e-6, a wrong token or position order one.
        assert relative_error(states[row], read_states(smollm, alone, 15)) < 1e-4
        with steer(smollm, shift, 15, 1.0, "last"):
            expected = logits(smollm.model, input_ids=torch.tensor([alone]))[0, -1]
        assert relative_error(found[row], expected) < 1e-4


# Rotary positions and biases by distance are relative: only learned positions go wrong.
@pytest.mark.parametrize(("name", "needs"), [("gpt2", True), ("bloom", False), ("llama", False)])
def test_positions_are_what_a_left_padded_gpt2_needs(name, needs):
    model = tiny(name)
    batch = pad(model, PROMPTS, "left")
    careless = logits(model, input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    alone = logits(model, input_ids=here(PROMPTS[1]))[0, -1]
    error = relative_error(careless[1, -1], alone)
    assert error > 1e-2 if needs else error < EXACT


def test_the_three_tensors_for_either_side():
    model = tiny("gpt2", torch.float32)
    left, right = (pad(model, [[5, 6, 7], [8]], side) for side in ("left", "right"))
    assert left.input_ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert left.attention_mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert left.position_ids.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert right.input_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert right.attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert right.position_ids.tolist() == [[0, 1, 2], [0, 0, 0]]
    padded = torch.arange(6).reshape(2, 3)
    assert [row.tolist() for row in left.rows(padded)] == [[0, 1, 2], [5]]
    assert [row.tolist() for row in right.rows(padded)] == [[0, 1, 2], [3]]
    assert right.last(padded).tolist() == [2, 3]
    assert "position_ids" not in pad(tiny("bloom"), [[5]]).inputs


@pytest.mark.parametrize(
    ("prompts", "side", "sentence"),
    [
        ([], "left", "must hold at least one prompt, got none"),
        ([[3], []], "left", "at least one token, got an empty prompt"),
        ([[3], [3] * 65], "left", "fit the context of 64 tokens, got 65; shorten it"),
        ([[3], [99]], "left", "between 0 and 66, got 99"),
        ([[3]], "lef", "unknown side 'lef'; did you mean 'left'"),
    ],
)
def test_a_bad_batch_is_one_sentence(prompts, side, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        pad(tiny("llama"), prompts, side)
    assert "\n" not in str(raised.value)

"""Names of positions against one teacher-forced pass with exactly those columns displaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from identifiability.errors import InvalidInput
from llm_validation.batches import pad
from llm_validation.hooks import edit_output, read_states, steer
from llm_validation.positions import Positions, followed_on
from llm_validation.precision import true_precision
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import ARCHITECTURES, WIDTH, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import relative_error

pytestmark = pytest.mark.usefixtures("device")


VECTOR = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LENGTH, NEW = 7, 4
# Which columns of prompt and completion each choice stands for.
COLUMNS: dict[Any, Any] = {
    "all": range(LENGTH + NEW),
    "prompt": range(LENGTH),
    "last": [LENGTH - 1],
    "generated": range(LENGTH, LENGTH + NEW),
    ("last", "generated"): range(LENGTH - 1, LENGTH + NEW),
    tuple(i in (2, 5) for i in range(LENGTH)): [2, 5],
}
NAMED = [name for name in COLUMNS if isinstance(name, str)]


def generated(model, ids, mask=None, **options):
    """Ids of prompt and completion (batch, T + NEW), and the logits (batch, NEW, V) of each."""
    result = model.generate(
        ids,
        attention_mask=torch.ones_like(ids) if mask is None else mask,
        max_new_tokens=NEW,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        pad_token_id=0,
        eos_token_id=None,
        **options,
    )
    return result.sequences, torch.stack(result.logits, 1)


def teacher_forced(model, ids, columns):
    """Logits (NEW, V) that gave the completion, one pass and a hook of its own, no cache."""
    where = here(torch.zeros(ids.shape[1], 1, dtype=torch.float64))
    where[list(columns)] = 1

    def hook(_block: Any, _inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        hidden = hidden + where * 0.8 * here(VECTOR)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handle = decoder_of(model).blocks[1].register_forward_hook(hook)
    try:
        with torch.no_grad(), true_precision(model):
            return model(input_ids=ids, use_cache=False).logits[0, -1 - NEW : -1]
    finally:
        handle.remove()


@pytest.mark.parametrize("use_cache", [True, False], ids=["cache", "no_cache"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_generation_is_steered_exactly_where_asked(name, use_cache):
    model = tiny(name)
    for positions, columns in COLUMNS.items():
        with steer(model, VECTOR, 1, 0.8, positions):
            ids, logits = generated(model, prompt(LENGTH), use_cache=use_cache)
        # A hundred roundings; one column more or less is off by far more, as the last line shows.
        assert relative_error(logits[0], teacher_forced(model, ids, columns)) < 1e-12, positions
        other = set(columns) ^ {LENGTH - 1}
        assert relative_error(logits[0], teacher_forced(model, ids, other)) > 1e-3, positions


@pytest.mark.parametrize("use_cache", [True, False], ids=["cache", "no_cache"])
@pytest.mark.parametrize("name", ["gpt2", "bloom", "mistral", "gemma3", "mixtral", "qwen2_vl"])
def test_a_padded_batch_generates_what_each_prompt_generates_alone(name, use_cache):
    model = tiny(name)
    prompts = [prompt(LENGTH), prompt(3), prompt(5).flip(1)]
    batch = pad(model, prompts, "left")
    for positions in NAMED:
        with steer(model, VECTOR, 1, 0.8, positions):
            ids, logits = generated(
                model, batch.input_ids, batch.attention_mask, use_cache=use_cache
            )
        for row, alone in enumerate(prompts):
            with steer(model, VECTOR, 1, 0.8, positions):
                own_ids, own_logits = generated(model, alone, use_cache=use_cache)
            assert torch.equal(ids[row, -NEW:], own_ids[0, -NEW:]), positions
            assert relative_error(logits[row], own_logits[0]) < 1e-12, positions


def test_a_static_cache_and_beams_are_steered_as_the_others():
    model = tiny("llama")
    for positions in NAMED:
        with steer(model, VECTOR, 1, 0.8, positions):
            ids, logits = generated(model, prompt(LENGTH))
            static = transformers.StaticCache(config=model.config, max_cache_len=LENGTH + NEW)
            static_ids, static_logits = generated(model, prompt(LENGTH), past_key_values=static)
            with_cache = generated(model, prompt(LENGTH), num_beams=2)[0]
            without = generated(model, prompt(LENGTH), num_beams=2, use_cache=False)[0]
        assert torch.equal(ids, static_ids)
        assert relative_error(static_logits, logits) < 1e-12, positions
        assert torch.equal(with_cache, without), positions


@pytest.mark.parametrize("use_cache", [True, False], ids=["cache", "no_cache"])
def test_a_new_prompt_in_the_same_context_is_a_prompt_again(use_cache):
    model = tiny("llama")
    other = prompt(9).flip(1)
    for positions in ("last", "prompt", "generated"):
        with steer(model, VECTOR, 1, 0.8, positions):
            model(input_ids=prompt(LENGTH))
            found = generated(model, other, use_cache=use_cache)
        with steer(model, VECTOR, 1, 0.8, positions):
            expected = generated(model, other, use_cache=use_cache)
        assert torch.equal(found[1], expected[1]), positions


def test_a_cache_that_comes_with_the_prompt_is_no_generation():
    """A conversation that goes on: its second prompt, padded here, has a mask over both turns."""
    model = tiny("llama")
    both = torch.cat([prompt(5), prompt(LENGTH)], 1)
    mask = torch.ones_like(both)
    mask[:, -2:] = 0
    expected = read_states(model, both, 1)[5:-2]
    expected[-1] += 0.8 * here(VECTOR)
    cache = transformers.DynamicCache(config=model.config)
    found = []
    with torch.no_grad(), true_precision(model):
        model(input_ids=both[:, :5], past_key_values=cache)
    with torch.no_grad(), steer(model, VECTOR, 1, 0.8, "last"):
        block = model.model.layers[1]
        handle = block.register_forward_hook(lambda _block, _inputs, output: found.append(output))
        model(input_ids=prompt(LENGTH), past_key_values=cache, attention_mask=mask)
        handle.remove()
    assert relative_error(found[0][0, :-2], expected) < 1e-12


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_last_token_is_the_last_real_one(side):
    model = tiny("gpt2")
    batch = pad(model, [prompt(LENGTH), prompt(3)], side)
    plain = read_states(model, batch, 1)
    with steer(model, VECTOR, 1, 0.8, "last"):
        found = read_states(model, batch, 1)
    expected = plain.clone()
    expected[0, LENGTH - 1] += 0.8 * here(VECTOR)
    expected[1, LENGTH - 1 if side == "left" else 2] += 0.8 * here(VECTOR)
    assert torch.equal(found, expected)
    with torch.no_grad(), steer(model, VECTOR, 1, 0.8, "last"):
        named = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        unnamed = model(batch.input_ids, None, batch.attention_mask).logits
    assert torch.equal(named, unnamed)


def test_masks_have_a_row_for_each_prompt_or_one_for_all():
    model = tiny("llama")
    batch = pad(model, [prompt(LENGTH), prompt(3)])
    mask = np.zeros((2, LENGTH), bool)
    mask[0, 1] = mask[1, -2] = True
    plain = read_states(model, batch, 1)
    with steer(model, VECTOR, 1, 0.8, mask):
        found = read_states(model, batch, 1)
    moved = (found != plain).any(-1)
    assert torch.equal(moved, here(mask))


@pytest.mark.parametrize(
    ("positions", "sentence"),
    [
        ([True] * 3, "the mask covers 3 positions, the prompt has 7; make one for this prompt"),
        ([[True] * LENGTH] * 2, "the mask has 2 rows, the forward pass has 1; make one row for"),
    ],
)
def test_a_mask_that_does_not_fit_is_one_sentence(positions, sentence):
    model = tiny("llama")
    with pytest.raises(InvalidInput, match=sentence), steer(model, VECTOR, 1, 1.0, positions):
        model(input_ids=prompt(LENGTH))


def test_a_part_of_the_model_knows_no_prompt():
    model = tiny("llama")
    with steer(model, VECTOR, 1, 1.0, "all"):
        model.model(input_ids=prompt(LENGTH))
    with (
        pytest.raises(InvalidInput, match="a part of a model is called by itself; call the whole"),
        steer(model, VECTOR, 1, 1.0, "last"),
    ):
        model(input_ids=prompt(LENGTH))
        model.model(input_ids=prompt(LENGTH))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("boolean", [True, False])
def test_masks_of_four_axes_show_the_padding_too(side, boolean):
    model = tiny("llama")
    batch = pad(model, [prompt(LENGTH), prompt(3)], side)
    seen = batch.attention_mask.bool()[:, None, None] & here(
        torch.ones(LENGTH, LENGTH).tril().bool()
    )
    added = here(torch.zeros(seen.shape).double()).masked_fill(
        ~seen, torch.finfo(torch.float64).min
    )
    places = Positions(model, "last")
    found = []
    for mask in (batch.attention_mask, seen if boolean else added):
        read = edit_output(
            model.model.layers[1], lambda hidden: (found.append(places.of(hidden)), hidden)[1]
        )
        with places.followed(), read:
            model(**{**batch.inputs, "attention_mask": mask})
    assert found[0].nonzero().tolist() == [[0, 6], [1, 6 if side == "left" else 2]]
    assert torch.equal(found[0], found[1])


def test_a_mask_of_another_kind_is_one_sentence():
    model = tiny("llama")
    sentence = r'must be \(batch, T\) or .* to find the "last" token, got Tensor; pass positions as'
    with pytest.raises(InvalidInput, match=sentence), steer(model, VECTOR, 1, 1.0, "last"):
        model(input_ids=prompt(LENGTH), attention_mask=here(torch.ones(1, 1, LENGTH)))


def test_what_is_followed_is_known_until_it_is_left_whatever_the_order():
    model = tiny("llama")
    first, second = Positions(model, "all"), Positions(model, "last")
    assert (first.everywhere, second.everywhere) == (True, False)
    entered = [one.followed() for one in (first, second)]
    for context in entered:
        context.__enter__()
    assert followed_on(model) == (first, second) and followed_on(tiny("gpt2")) == ()
    entered[0].__exit__(None, None, None)
    assert followed_on(model) == (second,)
    entered[1].__exit__(None, None, None)
    with pytest.raises(KeyError), first.followed():
        raise KeyError
    assert followed_on(model) == ()


def test_reading_inside_steering_is_a_prompt_of_its_own_that_is_steered():
    """One pass of the whole prompt, so that its last token is the prompt's."""
    model = tiny("llama")
    plain = read_states(model, prompt(LENGTH), 1)
    with steer(model, VECTOR, 1, 0.8, "last"):
        found = read_states(model, prompt(LENGTH), 1)
    assert torch.equal(found[:-1], plain[:-1])
    assert relative_error(found[-1], plain[-1] + 0.8 * here(VECTOR)) < 1e-15


def test_a_pass_without_tokens_is_one_sentence():
    with (
        pytest.raises(InvalidInput, match="bring input_ids or inputs_embeds, got neither"),
        steer(tiny("llama"), VECTOR, 1, 0.8),
    ):
        tiny("llama")()

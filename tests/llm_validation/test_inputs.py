"""Token ids, positions and states from outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.batches import pad
from llm_validation.completion import Completion
from llm_validation.continuation import Continuation
from llm_validation.hooks import read_states, steer
from llm_validation.inputs import position_index, states, token_ids
from llm_validation.prompt_fisher import fisher_metrics, mean_fisher
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import CONTEXT, WIDTH, WORDS, tiny
from tests.llm_validation.devices import here

pytestmark = pytest.mark.usefixtures("device")


@pytest.fixture
def decoder():
    return decoder_of(tiny("llama", torch.float32))


@pytest.mark.parametrize(
    "ids", [[3, 4], [[3, 4]], (3, 4), np.array([3, 4]), torch.tensor([3, 4], dtype=torch.int32)]
)
def test_every_form_of_a_prompt_becomes_one_row(decoder, ids):
    found = token_ids(decoder, ids)
    assert found.dtype == torch.long and found.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([], "at least one token, got an empty prompt"),
        ([[3, 4], [5, 6]], r"must be \(T,\) or \(1, T\), got \(2, 2\); pass one prompt at a time"),
        ([[3, 4], [5]], "rows of equal length"),
        ([3.0, 4.0], "must be integers, got torch.float64"),
        ([True, False], "must be integers, got torch.bool"),
        ("a prompt", "must be token ids, as the tokenizer gives them, got str"),
        ([3, WORDS], f"between 0 and {WORDS - 1}, got {WORDS}; use the tokenizer of this model"),
        ([-1, 3], "got -1"),
        ([3] * 65, "fit the context of 64 tokens, got 65; shorten it"),
    ],
)
def test_a_bad_prompt_is_one_sentence(decoder, ids, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        token_ids(decoder, ids)
    assert "\n" not in str(raised.value)


def forward(model, ids, positions):
    with steer(model, np.ones(WIDTH), 1, 1.0, positions):
        model(input_ids=here([ids]))


def generate(model, ids, use_cache):
    with steer(model, np.ones(WIDTH), 1, 1.0):
        model.generate(
            here([ids[:-5]]), max_new_tokens=6, use_cache=use_cache, pad_token_id=0,
            eos_token_id=None,
        )  # fmt: skip


ENTRIES = {
    "Continuation": lambda model, ids: Continuation(model, ids, 1),
    "Completion": lambda model, ids: Completion(model, ids[:60], [*ids[60:], 3], 1),
    "read_states": lambda model, ids: read_states(model, ids, 1),
    "pad": lambda model, ids: pad(model, [[3], ids]),
    "fisher_metrics": lambda model, ids: list(fisher_metrics(model, [ids], 1)),
    "mean_fisher": lambda model, ids: mean_fisher(model, [ids], 1),
    "steer all": lambda model, ids: forward(model, ids, "all"),
    "steer last": lambda model, ids: forward(model, ids, "last"),
    "steer mask": lambda model, ids: forward(model, ids, [True] * len(ids)),
    "generate": lambda model, ids: generate(model, ids, True),
    "generate without cache": lambda model, ids: generate(model, ids, False),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_prompt_longer_than_the_context_is_one_sentence_at_every_entry(name, entry):
    """GPT-2 itself answers with an index error, a Llama with nonsense."""
    model = tiny(name, torch.float32)
    ENTRIES[entry](model, [3] * CONTEXT)
    sentence = f"must fit the context of {CONTEXT} tokens, got {CONTEXT + 1}; shorten it"
    with pytest.raises(InvalidInput, match=sentence) as raised:
        ENTRIES[entry](model, [3] * (CONTEXT + 1))
    assert "\n" not in str(raised.value)


def test_a_model_without_a_limit_takes_long_prompts():
    decoder = decoder_of(tiny("bloom", torch.float32))
    assert token_ids(decoder, [3] * 200).shape == (1, 200)


def test_positions_count_from_either_end():
    assert [position_index(5, p) for p in (0, 4, -1, -5, np.int64(2))] == [0, 4, 4, 0, 2]
    for position in (5, -6):
        with pytest.raises(InvalidInput, match=f"between -5 and 4 .* 5 tokens, got {position}"):
            position_index(5, position)
    with pytest.raises(InvalidInput, match=r"must be an integer, got 1\.0"):
        position_index(5, 1.0)


def test_states_take_the_dtype_of_the_model(decoder):
    for given in (np.ones(WIDTH), [1] * WIDTH, torch.ones(WIDTH, dtype=torch.float64)):
        assert states(decoder, given, "h").dtype == torch.float32


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.ones(WIDTH + 1), r"vector must be \(\.\.\., 32\) for this model, got \(33,\)"),
        (1.0, r"got \(\)"),
        (np.ones((0, WIDTH)), r"got \(0, 32\)"),
        (np.full(WIDTH, np.nan), "must be finite, got NaN or infinite entries; remove them"),
        # Finite in float64 and not in the model's dtype.
        (
            np.full(WIDTH, -1e300),
            r"must fit torch.float32 \(at most 3.4e\+38\), got entries up to 1e\+300; scale",
        ),
        (np.ones(WIDTH) * 1j, "must be real"),
        ([None] * WIDTH, "must be numbers, got list"),
    ],
)
def test_a_bad_state_is_one_sentence(decoder, value, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        states(decoder, value, "vector")

"""Mean differences against the model's own hidden states, and prompts as token ids."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
from transformers import PreTrainedTokenizerFast

from identifiability.errors import InvalidInput
from llm_validation.dataset import ContrastivePair, load_trait
from llm_validation.extraction import encode, extract_vector

PAIRS = load_trait("sentiment").pairs[:3]


def test_the_vector_is_the_mean_difference_of_the_states_where_the_answer_begins(smollm):
    found = extract_vector(smollm, PAIRS, 15)
    states = {}
    for side in ("positive", "negative"):
        rows = []
        for pair in PAIRS:
            turn = [{"role": "user", "content": getattr(pair, side)}]
            ids = smollm.tokenizer.apply_chat_template(
                turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )["input_ids"]
            output = smollm.model(input_ids=ids, output_hidden_states=True)
            # Entry 0 is the embedding: after block 15 is entry 16.
            rows.append(output.hidden_states[16][0, -1].double().numpy())
        states[side] = np.array(rows)
    expected = states["positive"].mean(axis=0) - states["negative"].mean(axis=0)
    assert found.vector.dtype == np.float64
    # Two runs of the same float32 forward pass.
    assert np.abs(found.vector - expected).max() < 1e-5 * np.abs(expected).max()
    assert found.norm == pytest.approx(np.linalg.norm(expected), rel=1e-5)
    norms = np.linalg.norm(np.concatenate(list(states.values())), axis=1)
    assert found.state_norm == pytest.approx(norms.mean(), rel=1e-5)
    assert (found.layer, found.method, found.n_pairs) == (15, "mean", 3)
    assert found.model == "smollm2-135m"


def test_swapping_the_sides_flips_the_sign(smollm):
    flipped = [ContrastivePair(pair.context, pair.negative, pair.positive) for pair in PAIRS[:2]]
    one, other = extract_vector(smollm, PAIRS[:2], -1), extract_vector(smollm, flipped, 29)
    assert one.layer == 29
    assert np.abs(one.vector + other.vector).max() == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pairs": []}, "at least one contrastive pair, got none"),
        (
            {"pairs": [{"positive": "a", "negative": "b"}]},
            "must be ContrastivePair.* got dict; take",
        ),
        ({"method": "means"}, "unknown method 'means'; did you mean 'mean'?"),
        ({"layer": 30}, "layer must be between -30 and 29"),
        ({"pairs": [ContrastivePair("c", "", "b")]}, "prompt must be some text, got ''"),
        ({"pairs": [ContrastivePair("c", "word " * 9000, "b")]}, "fit the context of 8192 tokens"),
    ],
)
def test_bad_input_is_one_sentence(smollm, change, sentence):
    arguments = {"pairs": PAIRS, "layer": 15, **change}
    with pytest.raises(InvalidInput, match=sentence):
        extract_vector(smollm, **arguments)


def test_the_real_chat_template_is_applied_as_the_tokenizer_applies_it(smollm):
    turn = [{"role": "user", "content": "Hello there."}]
    expected = smollm.tokenizer.apply_chat_template(turn, add_generation_prompt=True)["input_ids"]
    assert encode(smollm, "Hello there.") == expected
    text = smollm.tokenizer.decode(encode(smollm, "Hello there."))
    assert text.endswith("user\nHello there.<|im_end|>\n<|im_start|>assistant\n")
    assert smollm.tokenizer.decode(encode(smollm, "Hello there.", chat=False)) == "Hello there."


@pytest.fixture
def doubling():
    """A tokenizer that adds a BOS of its own, with a template that writes one, as Llama 3 has."""
    words = {"<s>": 0, "<unk>": 1, "user": 2, "hello": 3, "answer": 4}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", unk_token="<unk>")
    return SimpleNamespace(tokenizer=tokenizer, model=torch.nn.Identity())


def test_a_chat_prompt_begins_with_one_bos(doubling):
    doubling.tokenizer.chat_template = (
        "<s>{% for m in messages %}user {{ m['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}answer{% endif %}"
    )
    assert encode(doubling, "hello") == [0, 2, 3, 4]
    # What would go wrong: the rendered text tokenized as any other text.
    assert doubling.tokenizer("<s>user hello answer")["input_ids"] == [0, 0, 2, 3, 4]


def test_a_plain_prompt_gets_the_bos_of_the_tokenizer(doubling):
    assert doubling.tokenizer.chat_template is None
    assert encode(doubling, "hello") == [0, 3]
    doubling.tokenizer.chat_template = "<s>user {{ messages[0]['content'] }}"
    assert encode(doubling, "hello", chat=False) == [0, 3]


@pytest.mark.parametrize("prompt", ["", "  \n", None])
def test_an_empty_prompt_is_one_sentence(doubling, prompt):
    with pytest.raises(InvalidInput, match="prompt must be some text, got"):
        encode(doubling, prompt)

"""Vectors against the model's own hidden states, batches against prompts alone, token ids."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
from transformers import PreTrainedTokenizerFast

from identifiability.errors import InvalidInput
from llm_validation.contrast import METHODS, vector_of
from llm_validation.dataset import ContrastivePair, load_trait
from llm_validation.extraction import (
    BATCH,
    contrastive_states,
    encode,
    extract_vector,
    extract_vectors,
)
from llm_validation.hooks import read_states
from tests.llm_validation.architectures import ARCHITECTURES
from tests.llm_validation.tiny_language_model import tiny_language_model

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
    assert (found.model, found.architecture) == ("smollm2-135m", "llama")
    assert (found.weights_sha256, found.dtype) == (smollm.weights_sha256, "float32")


def test_swapping_the_sides_flips_the_sign(smollm):
    flipped = [ContrastivePair(pair.context, pair.negative, pair.positive) for pair in PAIRS[:2]]
    one, other = extract_vector(smollm, PAIRS[:2], -1), extract_vector(smollm, flipped, 29)
    assert one.layer == 29
    assert np.abs(one.vector + other.vector).max() == 0


def random_pairs(count: int, seed: int = 0) -> list[ContrastivePair]:
    """Prompts of 1 to 12 known words."""
    rng = np.random.default_rng(seed)
    texts = [
        " ".join(f"w{word}" for word in rng.integers(3, 67, rng.integers(1, 13)))
        for _ in range(2 * count)
    ]
    return [ContrastivePair("", *texts[at : at + 2]) for at in range(0, 2 * count, 2)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_gives_each_prompt_the_states_it_has_alone(architecture):
    model = tiny_language_model(architecture)
    pairs = random_pairs(BATCH + 1)
    sides = contrastive_states(model, pairs, [0, 2, -1])
    for found, name in zip(sides, ("positive", "negative"), strict=True):
        for row, pair in zip(found, pairs, strict=True):
            alone = read_states(model, encode(model, getattr(pair, name)), [0, 2, -1])[:, -1]
            # float64; sums over a row of another length are taken in another order.
            error = np.abs(row - alone.numpy()).max(axis=1)
            assert (error < 1e-11 * np.abs(alone.numpy()).max(axis=1)).all()


def test_several_layers_are_each_what_one_layer_gives():
    model = tiny_language_model()
    pairs = random_pairs(10)
    for method in METHODS:
        several = extract_vectors(model, pairs, [3, 0], method=method, trait="words")
        assert [found.layer for found in several] == [3, 0]
        for found in several:
            one = extract_vector(model, pairs, found.layer, method=method)
            # Bit for bit: the same batches, and blocks after the last layer wanted do not run.
            assert (found.vector == one.vector).all()
            assert found.state_norm == one.state_norm
            assert (found.method, found.trait, one.trait) == (method, "words", None)


def test_the_method_is_applied_to_the_states():
    model = tiny_language_model()
    pairs = random_pairs(10)
    positive, negative = contrastive_states(model, pairs, [2])
    assert positive.shape == negative.shape == (10, 1, 32)
    vectors = [extract_vector(model, pairs, 2, method=method) for method in METHODS]
    for method, found in zip(METHODS, vectors, strict=True):
        assert (found.vector == vector_of(positive[:, 0], negative[:, 0], method)).all()
    # Three methods, three directions: none of them fell back to another.
    units = np.array([found.vector / found.norm for found in vectors])
    assert (np.abs(units @ units.T)[np.triu_indices(3, 1)] < 0.999).all()


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


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("half", ["\ud800", "hello \udfff there"])
def test_half_of_a_surrogate_pair_is_one_sentence(doubling, half, chat):
    """The tokenizers say that a string must be a string."""
    doubling.tokenizer.chat_template = "<s>user {{ messages[0]['content'] }}"
    with pytest.raises(InvalidInput, match="prompt must be Unicode text, got half of a surr"):
        encode(doubling, half, chat=chat)
    assert encode(doubling, "\U0001f680", chat=False) == [0, 1]

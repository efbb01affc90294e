"""Generation in a batch against one full forward pass for each token of each row."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from identifiability.errors import InvalidInput
from llm_validation.hooks import steer
from llm_validation.measurements import generated_text
from llm_validation.measurements.generated_text import measure
from tests.llm_validation.architectures import ARCHITECTURES, WIDTH, WORDS, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPT = prompt(9)[0].tolist()
DISPLACEMENTS = np.random.default_rng(2).standard_normal((4, WIDTH)) * [[0.0], [0.5], [3.0], [30.0]]
LAYER, MOST = 1, 6


def ended_by(model, *ends: int):
    """The same model with other tokens to end a text; the shared one stays as it is."""
    copied = copy.deepcopy(model.model)
    copied.generation_config.eos_token_id = list(ends)
    return replace(model, model=copied)


def one_by_one(model, prompt_ids, displacement, most=MOST, ends=(2,), temperature=0.0, seed=0):
    """Full forward of prompt and all that is written so far, steered from the last prompt token."""
    noise, ids = torch.Generator().manual_seed(seed), list(prompt_ids)
    for _ in range(most):
        mask = torch.arange(len(ids))[None] >= len(prompt_ids) - 1
        with steer(model, displacement, LAYER, 1.0, mask), torch.no_grad():
            logits = model.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        if temperature:
            exponential = torch.empty(WORDS, dtype=torch.float64).exponential_(generator=noise)
            logits = logits / temperature - torch.log(exponential)
        ids.append(int(logits.argmax()))
        if ids[-1] in ends:
            break
    return ids[len(prompt_ids) :]


@pytest.mark.parametrize(
    ("name", "temperature"), [*((name, 0.0) for name in ARCHITECTURES), ("gpt2", 1.5)]
)
def test_a_batch_is_its_rows_one_by_one(name, temperature):
    model = tiny_language_model(name)
    found = measure(
        model,
        prompt_ids=PROMPT,
        layer=LAYER,
        displacements=DISPLACEMENTS,
        max_tokens=MOST,
        temperature=temperature,
        seed=3,
    )
    expected = [
        one_by_one(model, PROMPT, delta, temperature=temperature, seed=3) for delta in DISPLACEMENTS
    ]
    assert found["token_ids"] == expected
    assert len({tuple(ids) for ids in expected}) > 1  # steering does something
    words = [" ".join(f"w{i}" for i in ids if i > 2) for ids in expected]
    assert found["texts"] == words


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_perplexity_is_that_of_the_unsteered_model(name):
    model = tiny_language_model(name)
    found = measure(
        model, prompt_ids=PROMPT, layer=LAYER, displacements=DISPLACEMENTS, max_tokens=MOST
    )
    for ids, perplexity in zip(found["token_ids"], found["perplexity"], strict=True):
        whole = torch.tensor([[*PROMPT, *ids]])
        with torch.no_grad():
            logits = model.model(input_ids=whole, use_cache=False).logits[0]
        rows = logits[len(PROMPT) - 1 : -1].float()
        mean = torch.nn.functional.cross_entropy(rows, torch.tensor(ids))
        assert perplexity == pytest.approx(float(mean.exp()), rel=1e-4)  # the oracle is float32
    assert found["perplexity"][-1] > found["perplexity"][0]


def test_a_row_stops_at_its_end_and_the_others_go_on():
    plain = tiny_language_model("llama")
    free = [one_by_one(plain, PROMPT, delta, ends=()) for delta in DISPLACEMENTS]
    end = next(token for token in free[1][1:] if token not in free[0])
    model = ended_by(plain, end)
    found = measure(
        model, prompt_ids=PROMPT, layer=LAYER, displacements=DISPLACEMENTS, max_tokens=MOST
    )["token_ids"]
    assert found == [one_by_one(plain, PROMPT, delta, ends=(end,)) for delta in DISPLACEMENTS]
    assert found[1][-1] == end and len(found[1]) < MOST
    assert found[0] == free[0] and len(found[0]) == MOST


def test_without_settings_of_its_own_the_tokenizer_says_what_ends_a_text():
    model = tiny_language_model("llama")
    bare = ended_by(model)
    bare.model.generation_config.eos_token_id = None
    assert generated_text._end_tokens(bare) == [2]
    assert generated_text._end_tokens(ended_by(model, 5, 6)) == [5, 6]


def test_chunks_of_rows_and_a_prompt_of_one_token_change_nothing(monkeypatch):
    model = tiny_language_model("gpt2")
    settings = {"layer": LAYER, "displacements": DISPLACEMENTS, "max_tokens": 4, "temperature": 2.0}
    for prompt_ids in (PROMPT, [7]):
        monkeypatch.setattr(generated_text, "_ROWS_AT_ONCE", 32)
        whole = measure(model, prompt_ids=prompt_ids, **settings)
        expected = [
            one_by_one(model, prompt_ids, delta, most=4, temperature=2.0) for delta in DISPLACEMENTS
        ]
        assert whole["token_ids"] == expected
        monkeypatch.setattr(generated_text, "_ROWS_AT_ONCE", 3)
        parts = measure(model, prompt_ids=prompt_ids, **settings)
        assert parts["token_ids"] == expected
        assert np.array_equal(parts["perplexity"], whole["perplexity"])


def test_samples_follow_the_distribution_of_the_model_at_the_temperature():
    model, temperature, draws = tiny_language_model("llama"), 3.0, 300
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([PROMPT])).logits[0, -1]
    p = torch.softmax(logits / temperature, -1).double().numpy()
    zero = np.zeros((1, WIDTH))
    counts = np.zeros(WORDS)
    for seed in range(draws):
        found = measure(
            model,
            prompt_ids=PROMPT,
            layer=LAYER,
            displacements=zero,
            max_tokens=1,
            temperature=temperature,
            seed=seed,
        )
        counts[found["token_ids"][0][0]] += 1
    likely = p * draws >= 5  # the usual rule for chi-square; the rest in one bin
    observed = [*counts[likely], counts[~likely].sum()]
    expected = [*p[likely] * draws, p[~likely].sum() * draws]
    assert len(observed) > 5
    # One test at fixed seeds: chance refuses it once in 1000.
    assert chisquare(observed, expected).pvalue > 1e-3
    unsharpened = torch.softmax(logits, -1).double().numpy()
    expected = [*unsharpened[likely] * draws, unsharpened[~likely].sum() * draws]
    assert chisquare(observed, expected).pvalue < 1e-6


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"temperature": -1.0}, "temperature must be a finite number from 0 up, got -1.0"),
        ({"temperature": float("nan")}, "temperature must be a finite number from 0 up"),
        ({"max_tokens": 0}, "max_tokens must be an integer from 1 up, got 0"),
        ({"max_tokens": 60}, "context of 64 tokens, got 9 and up to 60 more; shorten"),
        ({"displacements": np.zeros((1, 5))}, r"displacements must be \(..., 32\)"),
        ({"layer": 9}, "layer must be between"),
    ],
)
def test_bad_settings_are_one_sentence(change, sentence):
    settings = {"prompt_ids": PROMPT, "layer": LAYER, "displacements": DISPLACEMENTS}
    with pytest.raises(InvalidInput, match=sentence) as raised:
        measure(tiny_language_model("llama"), **(settings | change))
    assert "\n" not in str(raised.value)

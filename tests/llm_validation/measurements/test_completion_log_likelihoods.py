"""Log-likelihoods of completions against a forward pass of the whole text, steered by a mask."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation import completion_likelihood
from llm_validation.measurements.completion_log_likelihoods import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.steered_completion import by_full_forward
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPT = prompt(9)[0].tolist()
COMPLETIONS = [[9, 40, 3, 21], [17, 5, 33, 60, 12, 8], [11]]
DISPLACEMENTS = np.random.default_rng(2).standard_normal((3, WIDTH)) * [[0.0], [0.3], [2.0]]
LAYER = 1
# Set before measuring: sums of a few log-probabilities of order 10, a thousand roundings.
EXACT = 1e-11


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "gemma2", "bloom"])
def test_they_are_those_of_a_full_forward_steered_from_the_last_prompt_token_on(name):
    model, last = tiny_language_model(name), len(PROMPT) - 1
    found = measure(
        model,
        prompt_ids=PROMPT,
        completions=COMPLETIONS,
        layer=LAYER,
        displacements=DISPLACEMENTS,
    )
    assert found["tokens"].tolist() == [4, 6, 1]
    assert found["log_likelihood"].shape == (3, 3)
    assert found["log_likelihood"].dtype == np.float64
    for row, displacement in enumerate(DISPLACEMENTS):
        for column, completion in enumerate(COMPLETIONS):
            expected = by_full_forward(model, PROMPT, completion, displacement, LAYER, last)
            assert found["log_likelihood"][row, column] == pytest.approx(expected, abs=EXACT)
    # Steered one token later, or one earlier, is something else.
    for first in (last - 1, last + 1):
        other = by_full_forward(model, PROMPT, COMPLETIONS[0], DISPLACEMENTS[1], LAYER, first)
        assert abs(found["log_likelihood"][1, 0] - other) > 1e-3


def test_a_prompt_of_one_token_has_no_prefix_to_share():
    model = tiny_language_model("llama")
    found = measure(
        model, prompt_ids=[7], completions=[[9, 40]], layer=LAYER, displacements=DISPLACEMENTS
    )
    expected = [by_full_forward(model, [7], [9, 40], delta, LAYER, 0) for delta in DISPLACEMENTS]
    assert found["log_likelihood"][:, 0] == pytest.approx(expected, abs=EXACT)


def test_chunks_change_nothing_and_it_repeats(monkeypatch):
    model = tiny_language_model("llama")
    rows = np.random.default_rng(3).standard_normal((7, WIDTH))

    def run():
        return measure(
            model, prompt_ids=PROMPT, completions=COMPLETIONS, layer=-1, displacements=rows
        )["log_likelihood"]

    first = run()
    assert np.array_equal(first, run())
    monkeypatch.setattr(completion_likelihood, "_TOKENS_AT_ONCE", 8)  # 2, 1 and 8 rows
    assert run() == pytest.approx(first, abs=EXACT)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"completions": [[9], []]}, "at least one token"),
        ({"prompt_ids": []}, "at least one token"),
        ({"displacements": np.zeros((2, WIDTH + 1))}, r"displacements must be \(..., 32\)"),
        ({"layer": 4}, "layer must be between -4 and 3"),
        ({"completions": [[67]]}, "between 0 and 66, got 67"),
    ],
)
def test_bad_settings_are_one_sentence(change, sentence):
    settings = {
        "prompt_ids": PROMPT,
        "completions": COMPLETIONS,
        "layer": LAYER,
        "displacements": DISPLACEMENTS,
    }
    with pytest.raises(InvalidInput, match=sentence) as raised:
        measure(tiny_language_model("llama"), **(settings | change))
    assert "\n" not in str(raised.value)

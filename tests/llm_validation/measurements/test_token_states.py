"""States at chosen tokens against the model's own hidden states, one prompt at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.measurements.token_states import measure
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPTS = [[3, 4, 5, 6, 7, 8, 9], [3, 10, 11, 12, 9], [3, 20, 21, 22, 23, 24, 25, 26, 9]]


def measured(tokens: int, seed: int = 0) -> dict[str, np.ndarray]:
    return measure(
        tiny_language_model("gpt2"),
        prompts=PROMPTS,
        layers=[2, 0],
        first=[1, 1, 4],
        last=1,
        tokens=tokens,
        seed=seed,
    )


def own_states(ids: list[int], layer: int) -> np.ndarray:
    """transformers' hidden_states, whose first entry is the embedding: after block i is i + 1."""
    with torch.no_grad():
        outputs = tiny_language_model("gpt2").model(
            input_ids=torch.tensor([ids]), output_hidden_states=True
        )
    return outputs.hidden_states[layer + 1][0].numpy()


def test_all_tokens_between_the_ends_are_those_of_the_prompt_alone():
    found = measured(tokens=50)
    assert found["states"].shape == (5 + 3 + 4, 2, WIDTH)
    assert found["prompt"].tolist() == [0] * 5 + [1] * 3 + [2] * 4
    for place, layer in enumerate((2, 0)):
        expected = np.concatenate(
            [
                own_states(ids, layer)[start:-1]
                for ids, start in zip(PROMPTS, (1, 1, 4), strict=True)
            ]
        )
        np.testing.assert_allclose(found["states"][:, place], expected, atol=1e-12)


def test_a_choice_is_without_replacement_and_repeats_with_its_seed():
    everything, some = measured(tokens=50), measured(tokens=3)
    assert some["prompt"].tolist() == [0] * 3 + [1] * 3 + [2] * 3
    rows = [
        np.flatnonzero(np.abs(everything["states"] - state).max(axis=(1, 2)) < 1e-12)
        for state in some["states"]
    ]
    assert all(len(row) == 1 for row in rows)
    chosen = np.concatenate(rows)
    assert (np.diff(chosen) > 0).all()  # each once, in the order of the text
    np.testing.assert_array_equal(measured(tokens=3)["states"], some["states"])
    assert not np.array_equal(measured(tokens=3, seed=1)["states"], some["states"])


def test_states_keep_the_dtype_of_the_model():
    model = tiny_language_model("gpt2", torch.float32)
    found = measure(model, prompts=PROMPTS, layers=[1], first=[0, 0, 0], last=0, tokens=2, seed=0)
    assert found["states"].dtype == np.float32


def test_a_prompt_without_tokens_of_its_own_is_one_sentence():
    with pytest.raises(InvalidInput, match=r"more than first \+ last = 5 tokens, got 5"):
        measure(
            tiny_language_model("gpt2"),
            prompts=PROMPTS[:2],
            layers=[0],
            first=[1, 3],
            last=2,
            tokens=4,
            seed=0,
        )


def test_one_beginning_for_each_prompt():
    with pytest.raises(InvalidInput, match="one number for each of the 3 prompts, got 1"):
        measure(
            tiny_language_model("gpt2"),
            prompts=PROMPTS,
            layers=[0],
            first=[1],
            last=0,
            tokens=4,
            seed=0,
        )

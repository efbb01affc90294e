"""Log-odds under instructions, against plain forward passes of instruction, prompt and answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.dataset import Instructions, LabelledCompletion, Trait
from llm_validation.scoring import positive_control
from llm_validation.scoring.positive_control import instructed_log_odds, log_odds_validity
from tests.llm_validation.scoring.chat_model import chat_model

INSTRUCTIONS = Instructions(positive="w50 w51 w52", negative="w60 w61")


def trait(instructions: Instructions | None = INSTRUCTIONS, held_out: int = 4) -> Trait:
    rng = np.random.default_rng(0)

    def text(size: int) -> str:
        return " ".join(f"w{i}" for i in rng.integers(5, 50, size))

    completions = [
        LabelledCompletion(text(3), text(4), text(2), "held_out" if i < held_out else "choose")
        for i in range(6)
    ]
    return Trait(
        "words", "some words", "Apache-2.0", (), tuple(completions), instructions=instructions
    )


def mean_log_p(model, prompt: str, answer: str) -> float:
    numbers = [[int(word[1:]) for word in text.split()] for text in (prompt, answer)]
    ids = [1, *numbers[0], 3, *numbers[1]]  # what the chat template writes round a prompt
    log_p = torch.log_softmax(model.model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
    start = len(ids) - len(numbers[1])
    return float(np.mean([float(log_p[t - 1, ids[t]]) for t in range(start, len(ids))]))


def test_the_instruction_comes_before_each_held_out_prompt_and_the_answers_are_the_same():
    model = chat_model()
    found = instructed_log_odds(model, trait())
    for scores, instruction in zip(
        found, (INSTRUCTIONS.positive, INSTRUCTIONS.negative), strict=True
    ):
        expected = [
            mean_log_p(model, f"{instruction} {pair.prompt}", pair.positive)
            - mean_log_p(model, f"{instruction} {pair.prompt}", pair.negative)
            for pair in trait().completions[:4]
        ]
        assert scores == pytest.approx(expected, abs=1e-5)  # softmaxes of the oracle are float32
    assert np.abs(found[0] - found[1]).min() > 1e-3


def test_a_random_model_follows_no_instruction():
    found = log_odds_validity(chat_model(), trait())
    assert found.n == 4 and not found.valid


def test_a_model_that_follows_them_is_let_through(monkeypatch):
    """Likelihoods that know which instruction was given, in place of a model's."""

    def obedient(model, *, prompt_ids, completions, layer, displacements):
        gain = 2.0 if 50 in prompt_ids else -2.0
        sizes = np.array([len(ids) for ids in completions])
        return {"log_likelihood": np.array([[gain, -gain]]) * sizes, "tokens": sizes}

    monkeypatch.setattr(positive_control, "measure", obedient)
    model = chat_model()
    assert instructed_log_odds(model, trait())[0].tolist() == [4.0] * 4
    # Four pairs, completely separated: Newcombe's lower end is 0.58, no license yet.
    assert not log_odds_validity(model, trait()).valid
    assert log_odds_validity(model, trait(held_out=6)).valid


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (trait(instructions=None), "trait 'words' must have instructions, one for each side"),
        (trait(held_out=1), "at least two completions of split 'held_out'"),
    ],
)
def test_a_trait_that_cannot_be_controlled_is_one_sentence(bad, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        log_odds_validity(chat_model(), bad)

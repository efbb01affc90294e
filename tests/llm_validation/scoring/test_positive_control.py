"""Log-odds under instructions, against plain forward passes of instruction, prompt and answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.dataset import Instructions, LabelledCompletion, Trait
from llm_validation.measurements.unsteered_log_likelihoods import measure
from llm_validation.scoring.log_odds import LogOdds
from llm_validation.scoring.positive_control import control_questions, control_validity
from tests.llm_validation.scoring.chat_model import chat_model

INSTRUCTIONS = Instructions(positive="w50 w51 w52", negative="w60 w61")


def trait(
    instructions: Instructions | None = INSTRUCTIONS, held_out: int = 4, count: int = 6
) -> Trait:
    rng = np.random.default_rng(0)

    def text(size: int) -> str:
        return " ".join(f"w{i}" for i in rng.integers(5, 50, size))

    completions = [
        LabelledCompletion(text(3), text(4), text(2), "held_out" if i < held_out else "choose")
        for i in range(count)
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


def measured(model, of: Trait) -> list[dict]:
    return [measure(model, **question) for question in control_questions(model, of)]


def test_the_instruction_comes_before_each_prompt_and_the_answers_are_the_same():
    model = chat_model()
    found = [LogOdds.of(one).per_token[0] for one in measured(model, trait())]
    expected = [
        mean_log_p(model, f"{instruction} {pair.prompt}", pair.positive)
        - mean_log_p(model, f"{instruction} {pair.prompt}", pair.negative)
        for instruction in (INSTRUCTIONS.positive, INSTRUCTIONS.negative)
        for pair in trait().completions
        if pair.split == "choose"
    ]
    assert found == pytest.approx(expected, abs=1e-5)  # softmaxes of the oracle are float32


def test_a_random_model_follows_no_instruction():
    found = control_validity(trait(), measured(chat_model(), trait()))
    assert found.n == 2 and not found.valid


def answers(of: Trait, gain: float) -> list[dict]:
    """Log-odds with a large level for each pair, and the instruction's gain on top."""
    level = {pair.prompt: 10.0 * i for i, pair in enumerate(of.completions)}
    return [
        {
            "log_likelihood": np.array([[level[pair.prompt] + sign * gain, 0.0]]),
            "tokens": np.array([1, 1]),
        }
        for sign in (1, -1)
        for pair in of.completions
        if pair.split == "choose"
    ]


def test_what_counts_is_the_order_within_pairs():
    """Across pairs the levels hide it."""
    of = trait(count=24, held_out=12)
    obeys = control_validity(of, answers(of, 0.1))
    assert obeys.valid and obeys.n == 12
    disobeys = control_validity(of, answers(of, -0.1))
    assert not disobeys.valid and disobeys.auc == 0


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (trait(instructions=None), "trait 'words' must have instructions, one for each side"),
        (trait(held_out=5), "at least two completions of split 'choose'"),
    ],
)
def test_a_trait_that_cannot_be_controlled_is_one_sentence(bad, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        control_questions(chat_model(), bad)

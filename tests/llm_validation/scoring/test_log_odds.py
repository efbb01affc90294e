"""Log-odds of opposite completions: arithmetic, and what is and is not scored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.dataset import LabelledCompletion
from llm_validation.measurements.completion_log_likelihoods import measure
from llm_validation.scoring.log_odds import LogOdds, completion_ids, settings
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.scoring.chat_model import chat_model

PAIR = LabelledCompletion("w7 w8 w9", "w20 w21", "w30 w31 w32 w33", "held_out")


def test_it_is_the_difference_of_the_means_over_tokens():
    found = LogOdds.of({"log_likelihood": [[-6.0, -8.0], [-1.0, -10.0]], "tokens": [2, 4]})
    assert found.per_token.tolist() == [-1.0, 2.0]
    assert found.total.tolist() == [2.0, 9.0]


def test_measured_log_odds_are_those_of_a_plain_forward_pass_over_the_completions_alone():
    model = chat_model()
    chosen = settings(model, PAIR)
    assert chosen["prompt_ids"] == [1, 7, 8, 9, 3]
    assert chosen["completions"] == [[20, 21], [30, 31, 32, 33]]
    found = LogOdds.of(measure(model, **chosen, layer=1, displacements=np.zeros((1, WIDTH))))
    means = []
    for ids in chosen["completions"]:
        whole = torch.tensor([[*chosen["prompt_ids"], *ids]])
        log_p = torch.log_softmax(model.model(input_ids=whole).logits[0].double(), -1)
        means.append(np.mean([float(log_p[4 + t, i]) for t, i in enumerate(ids)]))
    # The oracle's softmaxes are float32 inside.
    assert found.per_token[0] == pytest.approx(means[0] - means[1], abs=1e-5)
    assert found.total[0] == pytest.approx(2 * means[0] - 4 * means[1], abs=1e-5)


def test_swapped_labels_turn_the_sign():
    model = chat_model()
    swapped = LabelledCompletion(PAIR.prompt, PAIR.negative, PAIR.positive, "held_out")
    rows = np.random.default_rng(0).standard_normal((3, WIDTH))
    one, other = (
        LogOdds.of(measure(model, **settings(model, pair), layer=1, displacements=rows))
        for pair in (PAIR, swapped)
    )
    assert one.per_token == pytest.approx(-other.per_token, abs=1e-12)
    assert np.abs(one.per_token).min() > 1e-3


def test_an_instruction_goes_into_the_prompt_and_not_into_what_is_scored():
    model = chat_model()
    plain, instructed = settings(model, PAIR), settings(model, PAIR, instruction="w50 w51")
    assert instructed["prompt_ids"] == [1, 50, 51, 7, 8, 9, 3]
    assert instructed["completions"] == plain["completions"]


def test_a_completion_follows_a_chat_template_at_once_and_a_plain_prompt_after_a_space(smollm):
    tokenizer = smollm.tokenizer
    chat = completion_ids(smollm, "Yes, it is.")
    assert tokenizer.decode(chat) == "Yes, it is."
    assert not set(chat) & set(tokenizer.all_special_ids)
    ids = settings(smollm, LabelledCompletion("Is it?", "Yes.", "No.", "choose"))
    whole = tokenizer.decode(ids["prompt_ids"] + ids["completions"][0])
    assert whole.endswith("<|im_start|>assistant\nYes.")
    template, tokenizer.chat_template = tokenizer.chat_template, None
    try:
        assert tokenizer.decode(completion_ids(smollm, "Yes, it is.")) == " Yes, it is."
    finally:
        tokenizer.chat_template = template


@pytest.mark.parametrize("text", ["", "  ", None])
def test_an_empty_completion_is_one_sentence(text):
    with pytest.raises(InvalidInput, match="completion must be some text, got"):
        completion_ids(chat_model(), text)


def test_half_of_a_surrogate_pair_in_a_completion_is_one_sentence():
    with pytest.raises(InvalidInput, match="completion must be Unicode text"):
        completion_ids(chat_model(), "Yes \ud800")


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
def test_anything_but_one_pair_is_refused(shape):
    with pytest.raises(InvalidInput, match=r"must be \(k, 2\) and tokens \(2,\), positive first"):
        LogOdds.of({"log_likelihood": np.zeros(shape), "tokens": [2, 4]})

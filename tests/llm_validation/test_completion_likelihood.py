"""Likelihoods of given completions and their gradients, against full passes and differences."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.completion_likelihood import CompletionLikelihood, OppositeCompletions
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.steered_completion import by_full_forward
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPT = prompt(9)[0].tolist()
COMPLETIONS = [[9, 40, 3, 21], [17, 5, 33, 60, 12, 8]]
LAYER, STEP = 1, 1e-4  # central differences err by the square of the step, and by 1e-14/STEP
AT = 0.4 * np.random.default_rng(5).standard_normal(WIDTH)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_the_gradient_is_the_slope_where_it_is_asked_for(name):
    """Away from the unsteered model; ``score_gradient`` tests it there."""
    likelihood = CompletionLikelihood(tiny_language_model(name), PROMPT, COMPLETIONS[1], LAYER)
    directions = np.random.default_rng(6).standard_normal((3, WIDTH))
    ahead, behind = likelihood(AT + STEP * directions), likelihood(AT - STEP * directions)
    expected = (ahead - behind) / (2 * STEP)
    np.testing.assert_allclose(directions @ likelihood.with_gradient(AT)[1], expected, rtol=1e-6)


def test_the_score_is_the_difference_of_means_over_tokens():
    model, last = tiny_language_model("llama"), len(PROMPT) - 1
    score = OppositeCompletions(model, PROMPT, COMPLETIONS, LAYER)
    means = [by_full_forward(model, PROMPT, ids, AT, LAYER, last) / len(ids) for ids in COMPLETIONS]
    assert score(AT[None])[0] == pytest.approx(means[0] - means[1], abs=1e-11)
    parts = [CompletionLikelihood(model, PROMPT, ids, LAYER) for ids in COMPLETIONS]
    expected = parts[0].with_gradient(AT)[1] / 4 - parts[1].with_gradient(AT)[1] / 6
    value, gradient = score.with_gradient(AT)
    assert value == pytest.approx(means[0] - means[1], abs=1e-11)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_one_completion_has_no_opposite():
    with pytest.raises(InvalidInput, match="completions must be two, the positive one first"):
        OppositeCompletions(tiny_language_model("llama"), PROMPT, COMPLETIONS[:1], LAYER)

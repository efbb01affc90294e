"""Audits of coarser and of finer observables than the next token."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.audit import audit
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import audited, prompts

VECTOR = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)


@pytest.fixture(scope="module")
def next_token(llama):
    return audited(llama, VECTOR, 1, prompts=prompts(16), count=16)


def _observing(llama, observe, **settings):
    settings |= {"prompts": prompts(16), "count": 16, "observe": observe}
    found = audited(llama, VECTOR, 1, **settings)
    assert found.observable.text == observe
    return found


def test_the_likeliest_words_see_no_more_than_all(llama, next_token):
    found = _observing(llama, "topk:3")
    assert found.class_size.dimension >= next_token.class_size.dimension
    assert found.steered.spectrum.rank() <= 3 * found.chosen_on
    assert "3 likeliest next tokens and the rest" in str(found)


def test_more_tokens_see_no_less_than_one(llama, next_token):
    epsilon = 0.5  # at which a class of 20 tokens is not {v} alone
    found = _observing(llama, "completion", epsilon=epsilon)
    of_one = next_token.steered.spectrum.epsilon_null_dimension(epsilon, next_token.radius)
    assert 0 < found.class_size.dimension <= of_one
    # Nats of one completion are no mean over its law, so that they count no samples.
    assert set(found.power.outputs) == {None}
    assert "no number of outputs" in str(found) and "samples" not in str(found)


def test_a_score_sees_one_direction_a_prompt(llama, trait_file):
    """Four choosing pairs: rank 4 at most, so that the class has dimension d - 4 or more."""
    found = audit(VECTOR, llama, 1, observe=f"score:{trait_file}", workers=1)
    assert (found.chosen_on, found.measured_on) == (4, 5)
    assert found.class_size.dimension >= WIDTH - 4
    assert found.steered.spectrum.rank() == 4
    assert found.score_variance > 0
    assert "score variance" in str(found)
    assert found.scored.trait == "planted"
    assert not found.scored.validity.valid and "not scored" in str(found)
    assert set(found.power.outputs) == {None}
    assert "no number of outputs" in str(found) and "samples" not in str(found)

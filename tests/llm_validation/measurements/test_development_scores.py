"""Scores for choosing a strength, against vector and log-likelihoods measured one by one."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.hooks import read_states
from llm_validation.measurements import completion_log_likelihoods
from llm_validation.measurements.development_scores import measure
from tests.llm_validation.tiny_language_model import tiny_language_model

CONTRAST = [
    [[3, 4, 5, 6], [3, 9, 5], [11, 12], [11, 30, 31, 7]],
    [[21, 4, 40, 6, 8], [21, 9, 40]],
]
QUESTIONS = [
    {"prompt_ids": [5, 6, 7], "completions": [[9, 40], [17, 5, 33]]},
    {"prompt_ids": [8, 30], "completions": [[12, 13, 14], [60, 2]]},
]
LAYER, STRENGTHS = 1, [0.5, 2.0]


def test_they_are_the_log_likelihoods_under_the_mean_difference_of_last_states():
    model = tiny_language_model("llama")
    found = measure(model, contrast=CONTRAST, questions=QUESTIONS, layer=LAYER, strengths=STRENGTHS)
    # Each prompt alone, without padding.
    prompts = [ids for batch in CONTRAST for ids in batch]
    states = [read_states(model, ids, LAYER)[-1].numpy() for ids in prompts]
    vector = np.mean(states[0::2], axis=0) - np.mean(states[1::2], axis=0)
    np.testing.assert_allclose(found["vector"], vector, rtol=1e-9)
    assert found["log_likelihood"].shape == (2, 5, 2)
    assert found["tokens"].tolist() == [[2, 3], [3, 2]]
    for row, question in enumerate(QUESTIONS):
        for column, step in enumerate([0.0, 0.5, 2.0, -0.5, -2.0]):
            (one,) = completion_log_likelihoods.measure(
                model, **question, layer=LAYER, displacements=step * vector[None]
            )["log_likelihood"]
            assert found["log_likelihood"][row, column] == pytest.approx(one, abs=1e-9)

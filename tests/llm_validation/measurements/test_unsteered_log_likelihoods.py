"""One forward pass of the whole text against the suffix with nothing added."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.measurements import completion_log_likelihoods
from llm_validation.measurements.unsteered_log_likelihoods import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPT = prompt(9)[0].tolist()
COMPLETIONS = [[9, 40, 3, 21], [17, 5, 33, 60, 12, 8], [11]]


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_they_are_those_of_a_displacement_of_zero(name):
    model = tiny_language_model(name)
    found = measure(model, prompt_ids=PROMPT, completions=COMPLETIONS)
    expected = completion_log_likelihoods.measure(
        model,
        prompt_ids=PROMPT,
        completions=COMPLETIONS,
        layer=1,
        displacements=np.zeros((1, WIDTH)),
    )
    assert found["tokens"].tolist() == expected["tokens"].tolist() == [4, 6, 1]
    # Sums of a few log-probabilities of order 10, a thousand roundings.
    np.testing.assert_allclose(found["log_likelihood"], expected["log_likelihood"], atol=1e-11)


def test_an_empty_completion_is_refused():
    with pytest.raises(InvalidInput, match="at least one token"):
        measure(tiny_language_model("llama"), prompt_ids=PROMPT, completions=[[]])

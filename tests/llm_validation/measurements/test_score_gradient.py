"""The gradient of a score against differences of the score itself."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.measurements import completion_log_likelihoods
from llm_validation.measurements.score_gradient import measure
from llm_validation.scoring.log_odds import LogOdds
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPT = prompt(9)[0].tolist()
COMPLETIONS = [[9, 40, 3, 21], [17, 5, 33, 60, 12, 8]]
LAYER = 1
STEP = 1e-4  # central differences err by its square, 1e-8, and by rounding of 1e-14/1e-4


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_it_is_the_slope_of_the_log_odds_in_every_direction(name):
    model = tiny_language_model(name)
    gradient = measure(model, prompt_ids=PROMPT, completions=COMPLETIONS, layer=LAYER)["gradient"]
    directions = np.random.default_rng(4).standard_normal((4, WIDTH))
    rows = STEP * np.concatenate([directions, -directions])
    found = completion_log_likelihoods.measure(
        model, prompt_ids=PROMPT, completions=COMPLETIONS, layer=LAYER, displacements=rows
    )
    ahead, behind = np.split(LogOdds.of(found).per_token, 2)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(directions @ gradient, (ahead - behind) / (2 * STEP), rtol=1e-6)


def test_one_pair_is_differentiated_at_a_time():
    with pytest.raises(InvalidInput, match="completions must be two"):
        measure(tiny_language_model("llama"), prompt_ids=PROMPT, completions=[[3]] * 3, layer=LAYER)

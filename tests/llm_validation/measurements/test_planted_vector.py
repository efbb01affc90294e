"""What the top of the ladder recovers and its bottom does not, on a tiny random decoder."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.measurements import greedy_ball
from llm_validation.measurements.ladder_information import measure as information
from llm_validation.measurements.observations import FLOAT32, observe
from llm_validation.measurements.planted_vector import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

PROMPTS = [prompt(9)[0].tolist(), prompt(6)[0].tolist()]
VECTOR = 0.3 * np.random.default_rng(0).standard_normal(WIDTH)
COMPLETIONS = [[[5, 9], [7, 8]]] * 2


def found(rung: str, prompts=PROMPTS, vector=VECTOR, seed: int = 0):
    return measure(
        tiny_language_model("llama"),
        prompts=prompts,
        layer=1,
        vector=vector,
        rung=rung,
        noise=1e-9,
        completions=COMPLETIONS[: len(prompts)] if rung == "score" else [],
        steps=12,
        seed=seed,
    )


def test_all_logits_of_two_prompts_recover_it_and_a_score_does_not():
    top, bottom = found(FLOAT32), found("score")
    assert top["converged"]
    assert top["cosine"] > 1 - 1e-6 and top["error"] < 1e-6
    assert bottom["cosine"] < 0.6
    assert np.sum(bottom["eigenvalues"] > 1e-6 * bottom["eigenvalues"][0]) <= 2
    assert np.all(np.diff(top["eigenvalues"]) <= 0)


def test_samples_depend_on_the_seed_alone():
    first, again, other = (found("samples:50", seed=seed) for seed in (0, 0, 1))
    assert first["cosine"] == again["cosine"] != other["cosine"]


def test_first_order_information_is_that_of_the_rungs_at_zero():
    """What predictions rest on against the observations that measurements are made with."""
    model, ids = tiny_language_model("llama"), PROMPTS[0]
    known = information(model, ids=ids, layer=1, likeliest=5, completions=COMPLETIONS[:1], seed=0)
    zero = np.zeros(WIDTH)
    rng = np.random.default_rng(0)
    cases = {
        FLOAT32: known["logits"] / 1e-9**2,
        "top:5": known["log_probabilities"].T @ known["log_probabilities"] * 12e8,
        "score": known["scores"].T @ known["scores"] * 12e8,
    }
    for rung, expected in cases.items():
        pair = COMPLETIONS[0] if rung == "score" else []
        there = observe(model, rung, ids, 1, zero, noise=1e-9, completions=pair, rng=rng)
        measured = there.information(zero)
        np.testing.assert_allclose(measured, expected, rtol=1e-6, atol=1e-9 * expected.max())
    assert 0 < known["float32"] < 1e-10 < known["bfloat16"]


@pytest.mark.parametrize(("share", "kept"), [(0.5, True), (3.0, False)])
def test_the_greedy_token_stays_within_the_radius_and_not_far_beyond(share, kept):
    result = greedy_ball.measure(
        tiny_language_model("llama"),
        ids=PROMPTS[0],
        layer=1,
        vector=VECTOR,
        rivals=20,
        share=share,
        draws=8,
        seed=0,
    )
    assert result["radius"] > 0
    assert (result["unchanged"] == 1.0) is kept

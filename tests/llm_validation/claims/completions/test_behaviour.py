"""Which cells score a behaviour, what is read from them, and when efficacies are equivalent."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.completions.behaviour import (
    behaviour,
    efficacy,
    raw_ratio,
    scored,
    within_fifth,
)
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.scored_setting import PAIRS, ScoredSetting

RNG = np.random.default_rng


def _measured(rounds: int = 2):
    setting = ScoredSetting()
    rows = setting.planted * np.array([[0.0], [1.0], [-1.0], [0.5]])
    return setting, rows, behaviour(setting, "planted", LAYER, rows, rounds)


def test_each_pair_is_scored_after_its_own_prompt_and_neutral_ones_of_its_own():
    setting, rows, measured = _measured()
    held_out = [c for c in setting.traits["planted"].completions if c.split == "held_out"]
    assert len(measured.evaluation) == 3 * PAIRS
    words = setting.model.tokenizer
    neutral = []
    for place, cell in enumerate(measured.evaluation):
        pair = held_out[place // 3]
        expected = [words(pair.positive)["input_ids"], words(pair.negative)["input_ids"]]
        assert [list(ids) for ids in cell.settings["completions"]] == expected
        if place % 3 == 0:
            assert list(cell.settings["prompt_ids"]) == words(pair.prompt)["input_ids"]
        else:
            neutral.append(tuple(cell.settings["prompt_ids"]))
        np.testing.assert_array_equal(cell.settings["displacements"], rows)
    # Nested: no neutral prompt serves two pairs, so clusters of pairs are independent.
    assert len(set(neutral)) == len(neutral)
    assert set(neutral) <= {tuple(ids) for ids in setting.prompts.measuring}


def test_no_more_neutral_prompts_are_taken_than_go_round():
    setting, rows, _ = _measured()
    assert len(setting.prompts.measuring) == 24
    measured = behaviour(setting, "planted", LAYER, rows, 5)
    assert len(measured.evaluation) == 3 * PAIRS


def test_effects_are_per_token_changes_averaged_over_a_pairs_prompts():
    setting, rows, measured = _measured()
    found = scored(setting, measured)
    assert found.gate.passed and found.n_prompts == 3 * PAIRS
    for pair in range(PAIRS):
        cells = measured.evaluation[3 * pair : 3 * pair + 3]
        weight = np.mean(
            [
                setting.gradient_of(
                    list(c.settings["prompt_ids"]), [list(i) for i in c.settings["completions"]]
                )
                for c in cells
            ],
            axis=0,
        )
        np.testing.assert_allclose(found.effects[pair], rows @ weight, atol=1e-12)
        np.testing.assert_allclose(found.scores[pair], 1.6 + rows @ weight)


def _drawn(centre: float, *, draws: int, spread: float, noise: float = 0.05, pairs: int = 12):
    rng = RNG(3)
    reference = 1 + noise * rng.standard_normal(pairs)
    shifts = spread * rng.standard_normal(draws)
    shifts -= shifts.mean()
    return centre + shifts + noise * rng.standard_normal((pairs, draws)), reference


@pytest.mark.parametrize(
    ("centre", "around", "outcome"),
    [
        (1.0, 1.0, Outcome.CONFIRMED),
        (0.0, 0.0, Outcome.CONFIRMED),
        (0.0, 1.0, Outcome.REFUTED),
        (1.0, 0.0, Outcome.REFUTED),
        (1.2, 1.0, Outcome.INCONCLUSIVE),
    ],
)
def test_an_efficacy_is_compared_with_the_claims_own_centre(centre, around, outcome):
    effects, reference = _drawn(centre, draws=5, spread=0.0)
    value = efficacy(effects, reference, RNG(4))
    verdict, power = within_fifth(value, effects, reference, around)
    assert value.estimate == pytest.approx(centre, abs=0.05)
    assert verdict.outcome is outcome, verdict.reason
    assert power > 0.9


def test_draws_that_differ_widen_the_interval():
    """Prompts alone would make the mean of eight draws of RMS 0.6 look exact."""
    effects, reference = _drawn(0.0, draws=8, spread=0.6)
    value = efficacy(effects, reference, RNG(4))
    assert value.high - value.low > 0.6
    assert within_fifth(value, effects, reference, 0.0)[0].outcome is Outcome.INCONCLUSIVE


def test_too_few_noisy_pairs_are_inconclusive_with_their_power():
    effects, reference = _drawn(1.0, draws=1, spread=0.0, noise=0.6, pairs=6)
    value = efficacy(effects, reference, RNG(4))
    verdict, power = within_fifth(value, effects, reference, 1.0)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert power < 0.5
    assert "power" in verdict.reason


def test_the_raw_ratio_has_no_baseline():
    assert raw_ratio(np.array([1.5, 1.7]), np.array([-2.0, -2.0])) == pytest.approx(0.8)

"""What opens the gate and what closes it, and the choice of layer and strength."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.completions import gate as module
from llm_validation.claims.completions.gate import (
    broken_on_development,
    choose,
    control_cells,
    gate,
    gradients,
    validity,
)
from llm_validation.scale import Scale
from llm_validation.scoring.validity import Validity
from tests.llm_validation.claims.scored_setting import INSTRUCTIONS, PAIRS, ScoredSetting

RNG = np.random.default_rng
VALID = Validity.of(np.arange(9.0) + 20, np.arange(9.0))
BASE = np.full((12, 2), -3.0)


def sides(up: float, down: float, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods under v and -v: the score changes by ``up`` and ``down``."""
    drawn = RNG(0).standard_normal((2, 12, 2)) * noise
    shift = np.array([0.5, -0.5])
    return BASE + up * shift + drawn[0], BASE + down * shift + drawn[1]


def test_it_opens_where_v_raises_and_its_opposite_lowers_the_score():
    found = gate(VALID, BASE, *sides(1.0, -1.0), rng=RNG(1))
    assert found.passed
    assert found.up is not None and found.down is not None
    assert found.up.low > 0 > found.down.high


@pytest.mark.parametrize(
    ("up", "down", "noise", "why"),
    [
        (0.0, -1.0, 0.1, "v does not beat"),
        (-1.0, -1.0, 0.1, "v does not beat"),
        (1.0, 0.0, 0.1, "-v does not go the other way"),
        (1.0, 1.0, 0.1, "-v does not go the other way"),
        (0.5, -0.5, 5.0, "v does not beat"),
    ],
)
def test_it_is_closed_where_either_does_not(up, down, noise, why):
    found = gate(VALID, BASE, *sides(up, down, noise), rng=RNG(1))
    assert not found.passed
    assert found.reason.startswith("gate: ") and why in found.reason


def test_it_is_closed_for_a_scorer_that_is_not_valid():
    invalid = Validity.of(np.arange(9.0), np.arange(9.0))
    found = gate(invalid, BASE, *sides(1.0, -1.0), rng=RNG(1))
    assert not found.passed
    assert found.reason == invalid.reason


def test_it_is_closed_where_the_score_rises_because_all_text_becomes_unlikely():
    up, down = sides(1.0, -1.0)
    less = up - 1.5  # the score is the same
    found = gate(VALID, BASE, less, down, rng=RNG(1))
    assert not found.passed
    assert "perplexity" in found.reason


class Developed(ScoredSetting):
    """Development scores are given: (n, 1 + 2 S, 2) by layer."""

    given: dict[int, np.ndarray]

    def _log_likelihoods(self, prompt_ids, completions, layer, displacements):
        asked = [pair for pair in self.traits["planted"].completions if pair.split == "choose"]
        prompts = [self.model.tokenizer(pair.prompt)["input_ids"] for pair in asked]
        place = prompts.index(list(prompt_ids))
        return {"log_likelihood": self.given[layer][place], "tokens": np.ones(2)}


def developed(effects: dict[int, list[float]], loss: dict[int, list[float]]) -> Developed:
    """Effects of v at each strength, those of -v their opposites, all with the same noise."""
    setting = Developed()
    setting.layers, setting.given = tuple(effects), {}
    noise = RNG(5).standard_normal((PAIRS, 1, 1)) * [0.1, -0.1]
    for layer, sizes in effects.items():
        steps = np.array([0.0, *sizes, *(-size for size in sizes)])
        lost = np.array([0.0, *loss[layer], *loss[layer]])
        found = -3 + steps[:, None] * [0.5, -0.5] - lost[:, None]
        setting.given[layer] = found + noise * (np.arange(7) > 0)[:, None]
    return setting


def test_the_layer_and_strength_of_the_surest_effect_are_chosen():
    none = {3: [0.0] * 3, 7: [0.0] * 3}
    effects = {3: [0.1, 0.2, 0.3], 7: [0.1, 0.9, 0.5]}
    found = choose(developed(effects, none), "planted")
    assert (found.layer, found.alpha) == (7, 1.0)
    # Where the text is broken there the next best is taken.
    found = choose(developed(effects, {3: [0.0] * 3, 7: [0.0, 2.0, 0.0]}), "planted")
    assert (found.layer, found.alpha) == (7, 2.0)
    # Broken around there: v itself gives 0.45 nats of the 2 back, in a line from 0.05 gained.
    setting = developed(effects, {3: [0.0] * 3, 7: [0.0, 2.0, 0.0]})
    at = [broken_on_development(setting, "planted", 7, a) for a in (0.5, 0.7, 0.75, 1.25, 2.0)]
    assert at == [False, False, True, True, False]
    assert not broken_on_development(setting, "planted", 3, 1.0)
    # A layer where -v goes the same way as v is none.
    both = developed(effects, none)
    both.given[7][:, 4:] = both.given[7][:, 1:4]
    assert choose(both, "planted").layer == 3


def test_it_is_validated_under_both_instructions_on_every_development_pair():
    setting = ScoredSetting()
    cells = control_cells(setting, "planted")
    assert len(cells) == 2 * PAIRS
    words = setting.model.tokenizer.words
    for place, cell in enumerate(cells):
        side = INSTRUCTIONS.negative if place // PAIRS else INSTRUCTIONS.positive
        assert cell.settings["prompt_ids"][:2] == [words[word] for word in side.split()]
        assert "displacements" not in cell.settings
    assert validity(setting, "planted").auc == 1
    assert not validity(ScoredSetting(obeys=False), "planted").valid


def test_choosing_and_gradients_read_development_completions_alone():
    setting = ScoredSetting()
    cells = module.development_cells(setting, "planted")
    assert len(cells) == PAIRS
    chosen = {tuple(ids) for cell in cells for ids in cell.settings["completions"]}
    steps = np.array([0, 0.5, 1, 2, -0.5, -1, -2])
    for cell in cells:
        assert np.array_equal(cell.settings["displacements"], np.outer(steps, setting.planted))
    for one in module.gradient_cells(setting, "planted", 3):
        assert {tuple(ids) for ids in one.settings["completions"]} <= chosen
    held_out = {
        tuple(setting.encode(text))
        for pair in setting.traits["planted"].completions
        if pair.split == "held_out"
        for text in (pair.positive, pair.negative)
    }
    assert not held_out & chosen
    assert gradients(setting, "planted", 3).shape == (PAIRS, setting.width)


def test_smaller_scales_score_fewer_pairs():
    setting = ScoredSetting(scale=Scale.QUICK)
    assert module.traits(setting) == ["planted"]
    cells = module.development_cells(setting, "planted")
    assert len(cells) == len(module.gradient_cells(setting, "planted", 3)) == 4


def test_a_trait_that_cannot_be_scored_says_why():
    trait = ScoredSetting().traits["planted"]

    def without(**changed):
        return module.unusable(type(trait)(**{**vars(trait), **changed}))

    assert module.unusable(trait) == ""
    assert "instructions" in without(instructions=None)
    chosen = tuple(pair for pair in trait.completions if pair.split == "choose")
    assert "'held_out'" in without(completions=chosen)

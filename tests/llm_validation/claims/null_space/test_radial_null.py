"""The pulled-back radial direction: null at one prompt, where predicted, and then gone."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.null_space import radial_null
from llm_validation.scale import Scale
from tests.llm_validation.claims.running_setting import RunningSetting
from tests.llm_validation.tiny_language_model import tiny_language_model


def _rows(setting):
    rows = [
        radial_null.radial_row(setting, arm) for arm in radial_null.radial_arms(setting, "claim")
    ]
    return {row.arm.removeprefix("radial direction, "): row for row in rows}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_radial_direction_is_null_at_one_prompt_where_predicted_and_then_gone(name):
    rows = _rows(RunningSetting(tiny_language_model(name)))
    assert {row.verdict for row in rows.values()} == {Outcome.CONFIRMED}
    assert len(rows) == 4
    assert rows["where predicted"].measured < 1e-5


def test_another_direction_is_not_where_predicted():
    def turned(cell, found):
        if "direction" not in found:
            return found
        other = found["direction"] + 0.05 * np.roll(found["direction"], 1)
        return found | {"direction": other / np.linalg.norm(other)}

    rows = _rows(RunningSetting(change=turned))
    assert rows["where predicted"].verdict is Outcome.REFUTED


def test_the_same_prompt_twice_does_not_remove_the_null_direction(monkeypatch):
    model = tiny_language_model("llama")
    exact = copy.deepcopy(model.model)
    exact.model.norm.variance_epsilon = 0.0  # else its epsilon is seen at a rounding of 1e-14
    setting = RunningSetting(replace(model, model=exact))
    once = setting.prompts.measuring[0]
    setting.prompts = replace(setting.prompts, measuring=(once,) * 4)
    rows = _rows(setting)
    assert rows["gone with a second prompt"].verdict is Outcome.REFUTED
    assert rows["null at one prompt"].verdict is Outcome.CONFIRMED


def test_a_norm_without_epsilon_needs_the_second_prompt_or_strength():
    model = tiny_language_model("llama")
    exact = copy.deepcopy(model.model)
    exact.model.norm.variance_epsilon = 0.0
    rows = _rows(RunningSetting(replace(model, model=exact)))
    assert {row.verdict for row in rows.values()} == {Outcome.CONFIRMED}
    assert rows["gone with a second prompt"].measured == 32.0
    assert rows["gone with a second strength"].measured == 32.0


def test_further_layers_are_looked_at_in_full_only():
    full = RunningSetting(scale=Scale.FULL)
    assert radial_null.further_layers(full) == [0, 2, 3]
    assert radial_null.further_layers(RunningSetting()) == []

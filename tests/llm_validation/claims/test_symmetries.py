"""Symmetries on tiny decoders: found where the architecture has them, refuted where it has not."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims import radial_null, symmetries
from llm_validation.claims.claim import Outcome
from llm_validation.measurements import rotated_basis
from llm_validation.scale import Scale
from tests.llm_validation.claims.tiny_setting import TinySetting
from tests.llm_validation.tiny_language_model import tiny_language_model


def _rows(setting):
    arms = [arm for arm in symmetries.predict(setting) if arm.unmeasurable is None]
    return {(row.arm, row.alpha): row for row in symmetries.judge(setting, arms)}


def _verdicts(rows, start):
    return {row.verdict for (arm, _), row in rows.items() if arm.startswith(start)}


@pytest.fixture(scope="module")
def llama():
    return _rows(TinySetting())


@pytest.fixture(scope="module")
def gpt2():
    return _rows(TinySetting(tiny_language_model("gpt2")))


def test_the_mean_direction_is_invisible_behind_layer_norms(gpt2):
    assert _verdicts(gpt2, "mean direction, invisible") == {Outcome.CONFIRMED}
    # Not because it is short: the state moves by twice the vector.
    assert max(alpha for arm, alpha in gpt2 if arm.startswith("mean direction")) == 2.0
    assert not any(arm.startswith("rotated") for arm, _ in gpt2)


def test_it_is_visible_behind_rms_norms(llama):
    assert _verdicts(llama, "mean direction, visible") == {Outcome.CONFIRMED}
    row = llama["mean direction, visible", 1.0]
    assert row.measured > 1e3 * symmetries.EXACT
    assert not any("invisible" in arm for arm, _ in llama if arm.startswith("mean"))


def test_post_ln_has_layer_norms_and_no_invisible_mean():
    """Told that it has one, the claim is refuted."""

    def pretend(cell, found):
        return found | {"mean_direction": True} if "mean_direction" in found else found

    setting = TinySetting(tiny_language_model("opt_post_ln"), change=pretend)
    assert _verdicts(_rows(setting), "mean direction, invisible") == {Outcome.REFUTED}
    true = symmetries.predict(TinySetting(tiny_language_model("opt_post_ln")))
    assert not any(arm.prediction.arm.endswith("direction, invisible") for arm in true)
    radial = [arm for arm in true if arm.prediction.arm.startswith("radial")]
    assert [arm.unmeasurable for arm in radial] == [
        "no norm comes between the last block and the head"
    ]


def test_an_invisible_mean_that_is_called_visible_is_refuted():
    def deny(cell, found):
        return found | {"mean_direction": False} if "mean_direction" in found else found

    rows = _rows(TinySetting(tiny_language_model("gpt2"), change=deny))
    assert _verdicts(rows, "mean direction, visible") == {Outcome.REFUTED}
    # Two directions are null at one prompt and one remains at two: both counts are off by one.
    assert _verdicts(rows, "radial direction, gone") == {Outcome.REFUTED}


def test_a_metric_four_times_too_large_is_not_confirmed():
    def wrong(cell, found):
        return {"metric": 4 * found["metric"]} if "metric" in found else found

    setting = TinySetting(prompts=24, change=wrong)
    rows = _rows(setting)
    judged = [r for r in rows.values() if r.arm.endswith("metric says") and r.verdict is not None]
    assert [row.alpha for row in judged] == [0.25, 0.5]
    assert Outcome.CONFIRMED not in {row.verdict for row in judged}
    assert judged[0].prediction > 2.5 * judged[0].measured


def test_a_shift_of_the_logits_is_seen_by_no_softmax_and_written_by_no_head(llama):
    assert _verdicts(llama, "softmax shift") == {Outcome.CONFIRMED}
    row = llama["softmax shift, out of the head's reach", 0.0]
    assert 0 < row.measured < 0.99


def test_a_head_that_can_write_the_shift_is_found_out():
    model = tiny_language_model("llama")
    changed = copy.deepcopy(model.model)
    weight = changed.lm_head.weight
    weight[:, 0] = weight[:, 0] - weight[:, 0] + 1.0  # one column is the constant
    rows = _rows(TinySetting(replace(model, model=changed)))
    assert rows["softmax shift, out of the head's reach", 0.0].verdict is Outcome.REFUTED


def test_a_rotated_basis_gives_the_same_outputs(llama):
    assert _verdicts(llama, "rotated basis") == {Outcome.CONFIRMED}


def test_a_basis_rotated_without_one_of_the_reads_does_not(monkeypatch):
    norm, reads, write, place = rotated_basis._PARTS[1]
    parts = (rotated_basis._PARTS[0], (norm, reads[:1], write, place))
    monkeypatch.setattr(rotated_basis, "_PARTS", parts)
    assert _verdicts(_rows(TinySetting()), "rotated basis") == {Outcome.REFUTED}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_radial_direction_is_null_at_one_prompt_where_predicted_and_then_gone(name, request):
    rows = request.getfixturevalue(name)
    assert _verdicts(rows, "radial direction") == {Outcome.CONFIRMED}
    assert len([arm for arm, _ in rows if arm.startswith("radial")]) == 4
    assert rows["radial direction, where predicted", 0.0].measured < 1e-5


def test_another_direction_is_not_where_predicted():
    def turned(cell, found):
        if "direction" not in found:
            return found
        other = found["direction"] + 0.05 * np.roll(found["direction"], 1)
        return found | {"direction": other / np.linalg.norm(other)}

    rows = _rows(TinySetting(change=turned))
    assert rows["radial direction, where predicted", 0.0].verdict is Outcome.REFUTED


def test_the_same_prompt_twice_does_not_remove_the_null_direction(monkeypatch):
    model = tiny_language_model("llama")
    exact = copy.deepcopy(model.model)
    exact.model.norm.variance_epsilon = 0.0  # else its epsilon is seen at a rounding of 1e-14
    setting = TinySetting(replace(model, model=exact))
    once = setting.prompts.measuring[0]
    setting.prompts = replace(setting.prompts, measuring=(once,) * 4)
    rows = _rows(setting)
    assert rows["radial direction, gone with a second prompt", 0.0].verdict is Outcome.REFUTED
    assert rows["radial direction, null at one prompt", 0.0].verdict is Outcome.CONFIRMED


def test_further_layers_are_looked_at_in_full_only():
    full = TinySetting(scale=Scale.FULL)
    assert radial_null.further_layers(full) == [0, 2, 3]
    assert radial_null.further_layers(TinySetting()) == []

"""Symmetries on tiny decoders: found where the architecture has them, refuted where it has not."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from llm_validation.claims import symmetries
from llm_validation.claims.claim import Outcome
from llm_validation.measurements import random_decoders, rotated_basis
from tests.llm_validation.claims.running_setting import RunningSetting
from tests.llm_validation.tiny_language_model import tiny_language_model


def _rows(setting):
    arms = [arm for arm in symmetries.predict(setting) if arm.unmeasurable is None]
    return {(row.arm, row.alpha): row for row in symmetries.judge(setting, arms)}


def _verdicts(rows, start):
    return {row.verdict for (arm, _), row in rows.items() if arm.startswith(start)}


@pytest.fixture(scope="module")
def llama():
    return _rows(RunningSetting())


@pytest.fixture(scope="module")
def gpt2():
    return _rows(RunningSetting(tiny_language_model("gpt2")))


def test_the_mean_direction_is_invisible_behind_layer_norms(gpt2):
    assert _verdicts(gpt2, "mean direction, invisible") == {Outcome.CONFIRMED}
    # Not because it is short: the state moves by twice the vector.
    assert max(alpha for arm, alpha in gpt2 if arm.startswith("mean direction")) == 2.0
    assert not any(arm.startswith("rotated") for arm, _ in gpt2)


def test_random_decoders_have_it_where_the_norms_say(llama):
    rows = [row for (arm, _), row in llama.items() if arm.startswith("random decoder")]
    assert [row.arm.split(", ", 1)[1] for row in rows] == [
        "pre-LN, LayerNorm, invisible",
        "post-LN, LayerNorm, visible",
        "pre-LN, RMSNorm, visible",
    ]
    assert {row.verdict for row in rows} == {Outcome.CONFIRMED}


def test_a_random_decoder_of_another_kind_is_refuted():
    def swapped(cell, found):
        if "random_decoders" not in cell.function:
            return found
        other = {**cell.arguments(), "kind": "pre-LN, RMSNorm"}
        if cell.settings["kind"].startswith("pre-LN, RMS"):
            other["kind"] = "pre-LN, LayerNorm"
        return random_decoders.measure(None, **other)

    rows = _rows(RunningSetting(change=swapped))
    assert _verdicts(rows, "random decoder, pre-LN") == {Outcome.REFUTED}


def test_it_is_visible_behind_rms_norms(llama):
    assert _verdicts(llama, "mean direction, visible") == {Outcome.CONFIRMED}
    row = llama["mean direction, visible", 1.0]
    assert row.measured > 1e3 * symmetries.EXACT
    assert not any("invisible" in arm for arm, _ in llama if arm.startswith("mean"))


def test_post_ln_has_layer_norms_and_no_invisible_mean():
    """Told that it has one, the claim is refuted."""

    def pretend(cell, found):
        return found | {"mean_direction": True} if "mean_direction" in found else found

    setting = RunningSetting(tiny_language_model("opt_post_ln"), change=pretend)
    assert _verdicts(_rows(setting), "mean direction, invisible") == {Outcome.REFUTED}
    true = symmetries.predict(RunningSetting(tiny_language_model("opt_post_ln")))
    assert not any(arm.prediction.arm.endswith("direction, invisible") for arm in true)
    radial = [arm for arm in true if arm.prediction.arm.startswith("radial")]
    assert [arm.unmeasurable for arm in radial] == [
        "no norm comes between the last block and the output"
    ]


def test_an_invisible_mean_that_is_called_visible_is_refuted():
    def deny(cell, found):
        return found | {"mean_direction": False} if "mean_direction" in found else found

    rows = _rows(RunningSetting(tiny_language_model("gpt2"), change=deny))
    assert _verdicts(rows, "mean direction, visible") == {Outcome.REFUTED}
    # Two directions are null at one prompt and one remains at two: both counts are off by one.
    assert _verdicts(rows, "radial direction, gone") == {Outcome.REFUTED}


def test_a_metric_four_times_too_large_is_not_confirmed():
    def wrong(cell, found):
        return {"metric": 4 * found["metric"]} if "metric" in found else found

    setting = RunningSetting(prompts=24, change=wrong)
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
    rows = _rows(RunningSetting(replace(model, model=changed)))
    assert rows["softmax shift, out of the head's reach", 0.0].verdict is Outcome.REFUTED


def test_a_rotated_basis_gives_the_same_outputs(llama):
    assert _verdicts(llama, "rotated basis") == {Outcome.CONFIRMED}


def test_a_basis_rotated_without_one_of_the_reads_does_not(monkeypatch):
    norm, reads, write, place = rotated_basis._PARTS[1]
    parts = (rotated_basis._PARTS[0], (norm, reads[:1], write, place))
    monkeypatch.setattr(rotated_basis, "_PARTS", parts)
    setting = RunningSetting(fresh=True)
    rows = [
        symmetries.judge(setting, [arm])[0]
        for arm in symmetries.predict(setting)
        if arm.prediction.arm.startswith("rotated")
    ]
    assert [row.verdict for row in rows] == [Outcome.REFUTED] * 2

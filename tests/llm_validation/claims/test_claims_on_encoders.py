"""Claims on tiny encoders: what the weights imply is confirmed, what they do not is refuted."""

from __future__ import annotations

import pytest

from llm_validation.claims import symmetries
from llm_validation.claims.claim import Outcome
from llm_validation.claims.null_space import exact_rank
from tests.llm_validation.claims.encoder_running_setting import EncoderRunningSetting
from tests.llm_validation.encoders import BLOCKS, WIDTH


def of_symmetries(setting):
    arms = [arm for arm in symmetries.predict(setting) if arm.unmeasurable is None]
    return {(row.arm, row.alpha): row for row in symmetries.judge(setting, arms)}


def verdicts(rows, start):
    return {row.verdict for (arm, _), row in rows.items() if arm.startswith(start)}


def ranks(setting):
    (layer,) = setting.layers
    arms = exact_rank.rank_arms(setting, "claim", layer)
    return [exact_rank.rank_row(setting, arm) for arm in arms]


def test_the_mean_direction_is_visible_after_post_ln_blocks_as_predicted():
    rows = of_symmetries(EncoderRunningSetting("bert"))
    assert verdicts(rows, "mean direction, visible") == {Outcome.CONFIRMED}
    assert not any("invisible" in arm for arm, _ in rows)
    # It has no softmax to shift, and random decoders say nothing of it.
    assert {arm.split(",")[0] for arm, _ in rows} == {"mean direction", "radial direction"}


def test_the_mean_direction_is_invisible_after_pre_ln_blocks():
    rows = of_symmetries(EncoderRunningSetting("modernbert"))
    assert verdicts(rows, "mean direction, invisible") == {Outcome.CONFIRMED}


def test_a_post_ln_encoder_that_is_told_it_hides_the_mean_is_refuted():
    def pretend(cell, found):
        return found | {"mean_direction": True} if "mean_direction" in found else found

    rows = of_symmetries(EncoderRunningSetting("bert", change=pretend))
    assert verdicts(rows, "mean direction, invisible") == {Outcome.REFUTED}
    assert verdicts(rows, "radial direction, gone") == {Outcome.REFUTED}


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
@pytest.mark.parametrize("layer", [1, BLOCKS - 1])
def test_the_radial_direction_is_null_at_one_text_where_predicted_and_then_gone(
    architecture, layer
):
    rows = of_symmetries(EncoderRunningSetting(architecture, layer=layer))
    assert verdicts(rows, "radial direction") == {Outcome.CONFIRMED}
    assert sum(arm.startswith("radial direction") for arm, _ in rows) == 4


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
def test_ranks_are_those_the_weights_imply(architecture):
    hidden = int(architecture == "modernbert")
    one, *more = ranks(EncoderRunningSetting(architecture))
    assert (one.prediction, one.verdict) == (WIDTH - 1 - hidden, Outcome.CONFIRMED)
    assert more
    for row in more:
        assert (row.prediction, row.verdict) == (WIDTH - hidden, Outcome.CONFIRMED)


def test_a_wrong_number_of_null_directions_is_refuted():
    def more(cell, found):
        return found | {"lost": [2] * BLOCKS} if "lost" in found else found

    assert ranks(EncoderRunningSetting(change=more))[0].verdict is Outcome.REFUTED
    rows = of_symmetries(EncoderRunningSetting(change=more))
    assert verdicts(rows, "radial direction, null at one prompt") == {Outcome.REFUTED}


def test_a_metric_four_times_too_large_is_not_confirmed():
    def wrong(cell, found):
        return {"metric": 4 * found["metric"]} if "metric" in found else found

    def judged(setting):
        rows = of_symmetries(setting).values()
        return [r for r in rows if r.arm.endswith("metric says") and r.verdict is not None]

    false = judged(EncoderRunningSetting(prompts=12, change=wrong))
    assert [row.alpha for row in false] == [0.25, 0.5]
    assert Outcome.CONFIRMED not in {row.verdict for row in false}
    true = judged(EncoderRunningSetting(prompts=12))
    assert {row.verdict for row in true} == {Outcome.CONFIRMED}

"""Exact ranks: those of the theorem confirmed, one that is off by one refuted."""

from __future__ import annotations

import copy
from dataclasses import replace

from llm_validation.claims.claim import Outcome
from llm_validation.claims.null_space.exact_rank import rank_arms, rank_row
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.running_setting import RunningSetting
from tests.llm_validation.tiny_language_model import tiny_language_model


def _rows(setting):
    return [rank_row(setting, arm) for arm in rank_arms(setting, "claim", setting.layers[0])]


def _tiny(epsilon: float):
    model = tiny_language_model("llama")
    changed = copy.deepcopy(model.model)
    changed.model.norm.variance_epsilon = epsilon
    return RunningSetting(replace(model, model=changed))


def test_at_one_prompt_the_radial_direction_is_missing_and_at_two_nothing_is():
    ranks = {row.arm: row for row in _rows(_tiny(0.0))}
    assert {arm: row.prediction for arm, row in ranks.items()} == {
        "rank, 1 prompt": 31.0,
        "rank, 2 prompts": 32.0,
        "rank, 4 prompts": 32.0,
    }
    assert {row.verdict for row in ranks.values()} == {Outcome.CONFIRMED}
    assert all(row.measured == row.prediction for row in ranks.values())


def test_a_norm_with_a_visible_epsilon_leaves_the_full_rank():
    ranks = _rows(_tiny(1e-6))
    assert [row.prediction for row in ranks] == [32.0] * 3
    assert {row.verdict for row in ranks} == {Outcome.CONFIRMED}


def test_layer_norms_take_one_dimension_more():
    ranks = _rows(RunningSetting(tiny_language_model("gpt2")))
    assert [row.prediction for row in ranks][1:] == [31.0, 31.0]
    assert {row.verdict for row in ranks} == {Outcome.CONFIRMED}


def test_a_rank_that_is_one_off_is_refuted():
    rows = _rows(KnownReadouts(null=1))
    assert [row.measured for row in rows] == [19.0] * len(rows)
    assert {row.verdict for row in rows} == {Outcome.REFUTED}
    assert "rank 19, not 20, in 8 of 8 instances" in rows[0].reason

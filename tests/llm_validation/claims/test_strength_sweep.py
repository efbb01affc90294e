"""Doses and responses where the score is known to be linear in the displacement."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import strength_sweep as claim
from llm_validation.claims.claim import Outcome
from llm_validation.scale import Scale
from tests.llm_validation.claims.scored_setting import PAIRS, ScoredSetting

NAMES = ("v + random ⊥", "v + ε-null ⊥")
JUDGED = tuple(f"{name}, RMS at most a fifth" for name in NAMES)
SLOPES = ("slope of v", "slope of v + random ⊥", "slope of v + ε-null ⊥")


def _rows(setting, trait="planted"):
    rows = claim.judge(setting, claim.predict(setting))
    return [row for row in rows if row.trait == trait]


def test_a_linear_score_has_the_predicted_slopes_and_is_equivalent_at_every_strength():
    rows = _rows(ScoredSetting())
    same = [row for row in rows if row.arm in NAMES]
    judged = [row for row in rows if row.arm in JUDGED]
    for some in (same, judged):
        assert [row.alpha for row in some] == 2 * list(claim.STRENGTHS[Scale.FULL])
    for row in judged:
        assert row.verdict is Outcome.CONFIRMED, row.reason
        assert 0 < row.measured < 0.2
    assert {row.verdict for row in same} == {None}
    for name in SLOPES:
        (row,) = [row for row in rows if row.arm == name]
        assert row.verdict is Outcome.CONFIRMED, row.reason
        assert row.measured == pytest.approx(row.prediction, rel=0.1)
    # The raw ratio is nearer 1 than the efficacy at small doses, for the baseline's sake.
    raw, corrected = same[0].paper_statistic, same[0].measured
    assert raw is not None and corrected is not None
    assert abs(raw - 1) < abs(corrected - 1)


def test_slopes_predicted_from_another_gradient_are_refuted():
    rows = [row for row in _rows(ScoredSetting(turned=4.0)) if row.arm in SLOPES]
    assert len(rows) == 3
    assert all(row.verdict is Outcome.REFUTED for row in rows)


def test_where_the_score_is_far_from_v_no_sum_is_equivalent():
    rows = [row for row in _rows(ScoredSetting(tangent=8.0)) if row.arm in JUDGED]
    assert rows
    assert not any(row.verdict is Outcome.CONFIRMED for row in rows)


class Breaking(ScoredSetting):
    """At 1.9 and more, v takes 1.5 nats per token from the completions of a split."""

    def __init__(self, split, **known):
        super().__init__(**known)
        self.broken_split = split

    def _log_likelihoods(self, prompt_ids, completions, layer, displacements):
        found = super()._log_likelihoods(prompt_ids, completions, layer, displacements)
        words = {number: word for word, number in self.model.tokenizer.words.items()}
        chosen = int(words[completions[0][-1]]) < PAIRS
        far = np.linalg.norm(displacements, axis=1) > 1.9 * np.linalg.norm(self.planted)
        if chosen != (self.broken_split == "choose"):
            far = np.zeros_like(far)
        return found | {
            "log_likelihood": found["log_likelihood"] - 2.5 * far[:, None] * found["tokens"]
        }


def test_text_broken_on_development_completions_is_reported_and_not_judged():
    setting = Breaking("choose")
    rows = [row for row in _rows(setting) if row.arm in JUDGED]
    # Half a nat is gained at 1 and 1.5 are lost at 2, in a line: 0.5 lost at 1.5, 1 at 1.75.
    assert {row.alpha for row in rows if row.verdict is None} == {1.75, 2}
    assert claim.choose(setting, "planted").alpha < 2


def test_held_out_completions_do_not_decide_what_is_judged():
    rows = [row for row in _rows(Breaking("held_out")) if row.arm in JUDGED]
    assert all(row.verdict is not None for row in rows)


def test_a_closed_gate_leaves_every_verdict_inconclusive():
    rows = _rows(ScoredSetting(effect=-0.5))
    assert rows
    assert all((row.verdict is None) == (row.arm in NAMES) for row in rows)
    assert {row.verdict for row in rows} == {None, Outcome.INCONCLUSIVE}
    assert all(row.reason.startswith("gate: v does not beat") for row in rows)


def test_the_curves_start_at_no_effect_and_print_the_perplexity():
    setting = ScoredSetting()
    points = claim.curves(setting, claim.predict(setting))
    own = [p for p in points if (p["trait"], p["arm"]) == ("planted", "v")]
    assert [p["alpha"] for p in own] == [0.0, *claim.STRENGTHS[Scale.FULL]]
    assert own[0]["effect"] == 0
    effects = [p["effect"] for p in own]
    assert effects == sorted(effects)
    # Half of the log-odds of 1.6 above a mean log-likelihood of -3.
    assert own[0]["perplexity_positive"] == pytest.approx(np.exp(3 - 0.8))
    assert own[0]["perplexity_negative"] == pytest.approx(np.exp(3 + 0.8))

"""Efficacies where the score is known: what theory says is confirmed, what it denies is not."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import orthogonal_efficacy as claim
from llm_validation.claims.claim import Outcome
from llm_validation.claims.completions.gate import STRENGTHS, choose
from llm_validation.scale import Scale
from tests.llm_validation.claims.scored_setting import ScoredSetting

SAME = ("v + random ⊥", "v + ε-null ⊥")
NONE = ("random ⊥ alone", "ε-null ⊥ alone")
JUDGED = tuple(f"{arm}, RMS at most a fifth" for arm in (*SAME, *NONE))


def _rows(setting, trait="planted"):
    arms = claim.predict(setting)
    rows = claim.judge(setting, [arm for arm in arms if arm.unmeasurable is None])
    return {row.arm: row for row in rows if row.trait == trait}


def test_where_the_score_is_almost_along_v_both_claims_are_confirmed():
    rows = _rows(ScoredSetting())
    for arm in JUDGED:
        assert rows[arm].verdict is Outcome.CONFIRMED, rows[arm].reason
        assert 0 < rows[arm].measured < 0.2
    assert {rows[arm].verdict for arm in (*SAME, *NONE)} == {None}
    assert rows["random ⊥ alone"].measured == pytest.approx(0, abs=0.1)
    assert rows["v + random ⊥"].measured == pytest.approx(1, abs=0.1)
    # The raw ratio hides that: unsteered scores make it near 1 even for what does nothing.
    assert rows["zero"].measured == 0
    assert (rows["zero"].paper_statistic or 0) > 0.4
    assert (rows["random ⊥ alone"].paper_statistic or 0) > 0.4


def test_the_typical_efficacy_of_a_random_direction_is_that_of_the_angle():
    setting = ScoredSetting(tangent=2.0, spread=0.01)
    found = _rows(setting)[claim.TYPICAL]
    assert found.prediction == pytest.approx(2.0 / 39**0.5, rel=0.05)
    assert found.measured == pytest.approx(found.prediction, rel=0.5)
    assert found.verdict is (Outcome.CONFIRMED if found.alpha <= 0.5 else None)


def test_where_the_score_is_far_from_v_nothing_is_equivalent():
    """A random direction then does as much as v, RMS 8/√39, though their mean is 0 still."""
    rows = _rows(ScoredSetting(tangent=8.0))
    for arm in JUDGED:
        assert rows[arm].verdict is not Outcome.CONFIRMED, rows[arm].reason
    for arm in (SAME[0], NONE[0]):
        row = rows[f"{arm}, RMS at most a fifth"]
        assert row.verdict is Outcome.REFUTED
        assert row.measured == pytest.approx(8 / 39**0.5, rel=0.5)


def test_an_orthogonal_direction_that_undoes_v_is_refuted(monkeypatch):
    """Every "orthogonal" direction is -v/2: alone it has -1/2 of v's efficacy, added 1/2."""
    setting = ScoredSetting()
    half = -0.5 * setting.planted
    monkeypatch.setattr(
        claim.steering,
        "orthogonal_directions",
        lambda *_: {name: np.tile(half, (3, 1)) for name in claim.steering.ORTHOGONAL},
    )
    rows = _rows(setting)
    for arm in JUDGED:
        assert rows[arm].verdict is Outcome.REFUTED, rows[arm].reason
    assert rows["v + random ⊥"].measured == pytest.approx(0.5, abs=0.01)


def test_first_order_efficacies_are_judged_at_small_strength_only(monkeypatch):
    for strength, outcome in ((0.5, Outcome.CONFIRMED), (1.0, None)):
        monkeypatch.setitem(STRENGTHS, "full", (strength,))
        rows = _rows(ScoredSetting(spread=0.01))
        assert choose(ScoredSetting(spread=0.01), "planted").alpha == strength
        for arm in ("observable ⊥ alone", "v + observable ⊥"):
            assert rows[arm].verdict is outcome, rows[arm].reason
            assert rows[arm].measured == pytest.approx(rows[arm].prediction, abs=0.05)
        for arm in ("-v", "covariance-matched", "other trait", "shuffled labels"):
            assert rows[arm].verdict is None
            assert rows[arm].measured == pytest.approx(rows[arm].prediction, abs=0.05)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"obeys": False}, "scorer not valid"),
        ({"effect": 1e-3, "tangent": 1e3}, "gate: v does not beat the unsteered arm"),
        ({"effect": -1.0}, "gate: v does not beat the unsteered arm"),
    ],
)
def test_a_closed_gate_leaves_every_verdict_inconclusive(options, why):
    rows = _rows(ScoredSetting(**options))
    for arm in JUDGED:
        assert rows[arm].verdict is Outcome.INCONCLUSIVE
        assert rows[arm].reason.startswith(why)
        assert rows[arm].measured is None
        assert rows[arm].paper_statistic is not None
    assert all(row.verdict in (None, Outcome.INCONCLUSIVE) for row in rows.values())


def test_a_trait_without_instructions_is_not_scored():
    setting = ScoredSetting()
    trait = setting.traits["planted"]
    setting.traits["planted"] = type(trait)(**{**vars(trait), "instructions": None})
    arms = [arm for arm in claim.predict(setting) if arm.prediction.trait == "planted"]
    assert [arm.cells for arm in arms] == [()]
    assert "scorer not valid" in str(arms[0].unmeasurable)


def test_every_draw_lands_in_the_curves():
    setting = ScoredSetting()
    arms = [arm for arm in claim.predict(setting) if arm.unmeasurable is None]
    points = [p for p in claim.curves(setting, arms) if p["trait"] == "planted"]
    alone = [p for p in points if p["arm"] == "random ⊥ alone"]
    assert [p["draw"] for p in alone] == list(range(10))
    for p in alone:
        assert p["efficacy"] == pytest.approx(p["effect"] / p["alpha"], rel=0.2, abs=0.02)


def test_one_direction_is_called_one(monkeypatch):
    monkeypatch.setitem(claim.DRAWS, Scale.FULL, claim.steering.Draws(1, 1))
    monkeypatch.setattr(claim, "_typical", lambda *_: (None, claim.SYMMETRIC))
    rows = _rows(ScoredSetting())
    row = rows["one random ε-null ⊥ alone, RMS at most a fifth"]
    assert row.verdict is Outcome.CONFIRMED
    assert row.reason.endswith("of the one direction drawn")
    assert "v + one random ⊥" in rows and "v + random ⊥" not in rows

"""Slopes of responses that are known functions of the dose."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.completions.behaviour import Behaviour, Scored
from llm_validation.claims.completions.dose_response import Dose, slope_arm, slope_row
from llm_validation.claims.completions.gate import Gate
from tests.llm_validation.claims.scored_setting import ScoredSetting

STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def _row(response, predicted, *, passed=True):
    """Of a response (dose) -> effect, the same in 12 pairs but for a little noise."""
    doses = np.array([0.0, *STRENGTHS])
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal((12, 1))
    effects = noise * response(doses)
    per_token = -3 + np.stack([effects / 2, -effects / 2], axis=2)
    found = Scored(per_token, Gate(passed, "gate: closed"), 12)
    columns = np.arange(1, 5)
    dose = Dose(Behaviour("planted", (), ()), STRENGTHS, columns[:, None], columns, predicted)
    setting = ScoredSetting()
    arm = slope_arm(setting, "strength_sweep", 3, "planted", "v", dose, None)
    return slope_row(setting, arm, found)


PREDICTED = 2.0 + 0.05 * np.random.default_rng(1).standard_normal(12)


def test_only_doses_of_the_first_order_count():
    """Whatever happens at strengths of 1 and 2."""
    row = _row(lambda a: np.where(a <= 0.5, 2 * a, -50.0), PREDICTED)
    assert row.measured == pytest.approx(2, rel=0.02)
    assert row.verdict is Outcome.CONFIRMED


@pytest.mark.parametrize("slope", [0.5, 5.0, -2.0])
def test_another_slope_or_sign_is_refuted(slope):
    row = _row(lambda a: slope * a, PREDICTED)
    assert row.measured == pytest.approx(slope, rel=0.02)
    assert row.verdict is Outcome.REFUTED


def test_a_predicted_slope_that_may_be_none_predicts_no_factor():
    row = _row(lambda a: 2 * a, PREDICTED - PREDICTED.mean())
    assert row.verdict is Outcome.INCONCLUSIVE
    assert "predicted slope" in row.reason


def test_behind_a_closed_gate_no_slope_is_judged():
    row = _row(lambda a: 2 * a, PREDICTED, passed=False)
    assert (row.verdict, row.reason) == (Outcome.INCONCLUSIVE, "gate: closed")

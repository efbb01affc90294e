"""Distances of outputs where the model is a softmax readout, with its Jacobian in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import logit_distance as claim
from llm_validation.claims.claim import Outcome
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.readout_setting import Readouts

KINDS = ("v", "random ⊥", "ε-null ⊥", "observable ⊥")
QUANTITIES = ("logit distance", "centred logit distance", "kl", "js")


def _rows(setting):
    arms = [arm for arm in claim.predict(setting) if arm.unmeasurable is None]
    return claim.judge(setting, arms)


def test_every_predicted_distance_of_a_readout_is_confirmed():
    rows = {(row.arm, row.alpha): row for row in _rows(Readouts())}
    for kind in KINDS:
        for quantity in QUANTITIES:
            for alpha in (0.25, 0.5):
                row = rows[f"{kind}: {quantity}", alpha]
                assert row.verdict is Outcome.CONFIRMED, (row.arm, row.reason)
            assert rows[f"{kind}: {quantity}", 2.0].verdict is None
        assert rows[f"{kind}: top overlap", 0.5].verdict is None
        assert rows[f"{kind}: top overlap", 0.5].prediction is None


@pytest.mark.parametrize(
    ("wrong", "quantities"),
    [
        ({"jacobian_factor": 4.0}, QUANTITIES[:2]),
        ({"metric_factor": 4.0}, QUANTITIES[2:]),
    ],
)
def test_a_wrong_jacobian_or_metric_is_refuted(wrong, quantities):
    setting = Readouts(metric_factor=wrong.get("metric_factor", 1.0))
    setting.jacobian_factor = wrong.get("jacobian_factor", 1.0)
    rows = [row for row in _rows(setting) if row.alpha == 0.25]
    for row in rows:
        quantity = row.arm.partition(": ")[2]
        if quantity in quantities:
            assert row.verdict is Outcome.REFUTED, (row.arm, row.reason)
        elif quantity in QUANTITIES:
            assert row.verdict is Outcome.CONFIRMED, (row.arm, row.reason)


def test_a_divergence_predicted_below_the_rounding_floor_is_not_judged():
    rows = [row for row in _rows(Readouts(floor=1.0)) if row.alpha == 0.25]
    for row in rows:
        if row.arm.endswith((": kl", ": js")):
            assert row.verdict is None
            assert "rounding floor" in row.reason


def test_directions_of_all_kinds_are_of_one_length_and_orthogonal_to_v():
    setting = Readouts()
    arms = [a for a in claim.predict(setting) if a.prediction.arm != claim.PAPER]
    for arm in arms:
        moved = arm.cells[0].settings["displacements"][arm.data.columns]
        norm = arm.prediction.alpha * np.linalg.norm(setting.planted)
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), norm)
        if not arm.prediction.arm.startswith("v:"):
            np.testing.assert_allclose(moved @ setting.planted, 0, atol=1e-12)
    assert {arm.prediction.layer for arm in arms} == {LAYER}

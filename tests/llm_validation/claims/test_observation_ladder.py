"""The ladder on a tiny decoder: what first order predicts of each rung is what is recovered."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import observation_ladder
from llm_validation.claims.claim import Outcome
from llm_validation.claims.planted import ladder_cells
from llm_validation.claims.planted import ladder_prediction as ladder
from llm_validation.measurements.observations import FLOAT32, GREEDY, SCORE
from llm_validation.scale import Scale
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.claims.tiny_setting import TinySetting


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(
        ladder_cells, "QUICK_RUNGS", (FLOAT32, "samples:2000", "top:5", SCORE, GREEDY)
    )
    monkeypatch.setitem(ladder_cells.BLOCKS, Scale.QUICK, 6)  # the fewest that are judged
    monkeypatch.setitem(ladder_cells.GREEDY_PROMPTS, Scale.QUICK, 2)
    monkeypatch.setitem(observation_ladder.PREDICTING, Scale.QUICK, 12)


def judged(alter=lambda cell, found: found):
    setting = TinySetting(prompts=12, scale=Scale.QUICK, length=2.0, alter=alter)
    arms = observation_ladder.predict(setting)
    rows = {row.arm: row for row in observation_ladder.judge(setting, arms)}
    return rows, observation_ladder.curves(setting, arms)


def test_true_predictions_are_confirmed_and_the_turn_is_found():
    rows, curves = judged()
    top = rows[f"{FLOAT32}, 2 prompts, cosine to 0.95"]
    # In float64 it is 1 on every block: decided by the sign test.
    assert top.measured > 0.999 and top.verdict is Outcome.CONFIRMED
    assert rows[f"{SCORE}, 2 prompts, cosine to 0.95"].verdict is Outcome.CONFIRMED
    assert rows[f"{SCORE}, 2 prompts, dimensions"].measured == WIDTH - 2
    assert rows["top:5, 2 prompts, dimensions"].measured == WIDTH - 10
    assert rows[GREEDY].verdict is Outcome.CONFIRMED
    assert not any(row.verdict is Outcome.REFUTED for row in rows.values())
    (turn,) = [point for point in curves if point["quantity"] == "turning rung"]
    assert turn["predicted"] == turn["measured"] in ("samples:2000", "top:5")


def test_predictions_from_gradients_of_something_else_are_refuted():
    """First-order information of the score that sees nothing, and of logits that see one line."""

    def blind(cell, measured):
        if "log_probabilities" not in measured:
            return measured
        seen = np.zeros((WIDTH, WIDTH))
        seen[0, 0] = 1.0
        return {**measured, "logits": seen, "log_probabilities": 0 * measured["log_probabilities"]}

    rows, _ = judged(blind)
    assert rows[f"{FLOAT32}, 2 prompts, dimensions"].verdict is Outcome.REFUTED
    for unit in ("cosine", "dimensions"):
        assert rows[f"top:5, 2 prompts, {unit}"].verdict is Outcome.REFUTED
    for unit in ("cosine", "cosine to 0.95"):
        assert rows[f"{FLOAT32}, 2 prompts, {unit}"].verdict is Outcome.REFUTED


def test_expected_cosine_is_that_of_the_estimator_in_a_linear_world():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6, WIDTH)) * np.geomspace(30, 0.3, 6)[:, None]
    planted = rng.standard_normal(WIDTH)
    matrix = rows.T @ rows + WIDTH / (planted @ planted) * np.eye(WIDTH)
    noise = rng.standard_normal((4000, 6))
    estimates = np.linalg.solve(matrix, rows.T @ (rows @ planted + noise).T).T
    cosines = estimates @ planted / np.linalg.norm(estimates, axis=1) / np.linalg.norm(planted)
    expected = ladder.expected_cosine(rows.T @ rows, planted)
    assert expected == pytest.approx(cosines.mean(), abs=0.01)
    assert ladder.expected_cosine(np.zeros((WIDTH, WIDTH)), planted) == 0


def test_what_cannot_be_told_from_nothing_is_counted():
    assert pytest.approx(0.05) == np.exp(-ladder.DISTINGUISHABLE) / 4  # Bretagnolle--Huber
    cut = 2 * ladder.DISTINGUISHABLE / 4.0
    values = np.array([10 * cut, 1.01 * cut, 0.99 * cut, 0.0])
    assert ladder.indistinguishable(values, 2.0) == 2


@pytest.mark.parametrize(
    ("cosines", "turn"),
    [((1, 1, 0), "c"), ((1, 0.5, 0.3), "b"), ((0, 1, 0), "c"), ((1, 1, 1), None), ((0, 0, 0), "a")],
)
def test_the_turn_is_the_finest_rung_below_which_nothing_recovers(cosines, turn):
    assert ladder.turning_rung(list(zip("abc", cosines, strict=True)), 0.95) == turn


def test_predictions_rest_on_prepared_cells_alone(monkeypatch):
    monkeypatch.setitem(observation_ladder.PREDICTING, Scale.QUICK, 4)
    setting = TinySetting(prompts=6, scale=Scale.QUICK)
    observation_ladder.predict(setting)
    prepared = {cell.key for cell in observation_ladder.preparation(setting)}
    assert setting._found.keys() <= prepared

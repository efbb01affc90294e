"""The ladder on a tiny decoder: what first order predicts of each rung is what is recovered."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from identifiability.reporting.figures import efficacy
from identifiability.reporting.figures import ladder as drawn_ladder
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims import observation_ladder
from llm_validation.claims.claim import Outcome
from llm_validation.claims.judgement import EQUIVALENCE_FRACTION, RECOVERED
from llm_validation.claims.planted import ladder_cells, ladder_judgement
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


def test_one_changed_token_refutes_the_greedy_rung():
    """Of 33 changes one alone is towards the rival: were it the one that fails, 97 % would hold."""

    def nearest_fails(cell, measured):
        return {**measured, "unchanged": 32 / 33} if "unchanged" in measured else measured

    assert judged(nearest_fails)[0][GREEDY].verdict is Outcome.REFUTED


def test_a_fit_that_has_not_converged_decides_nothing():
    def stopped(cell, measured):
        late = cell.settings.get("rung") == SCORE and "converged" in measured
        return {**measured, "converged": False} if late else measured

    rows, _ = judged(stopped)
    for unit in ("cosine", "cosine to 0.95", "dimensions"):
        row = rows[f"{SCORE}, 2 prompts, {unit}"]
        assert row.verdict is Outcome.INCONCLUSIVE and "6 of 6 fits" in row.reason
    assert rows[f"{FLOAT32}, 2 prompts, cosine"].verdict is Outcome.CONFIRMED


def test_a_dimension_may_be_wrong_by_a_tenth_of_the_equations():
    """Two equations hide at least d - 2 directions whatever is true."""
    setting = TinySetting(prompts=12, scale=Scale.QUICK, length=2.0)
    margins = {
        arm.prediction.arm: arm.prediction.margin for arm in observation_ladder.predict(setting)
    }
    assert margins[f"{SCORE}, 2 prompts, dimensions"] == 1.0
    assert margins[f"{FLOAT32}, 2 prompts, dimensions"] == pytest.approx(0.1 * WIDTH)


def test_rows_of_more_prompts_than_make_six_blocks_are_reported(monkeypatch):
    monkeypatch.setitem(ladder_cells.FEW_BESIDES, Scale.QUICK, (4,))
    monkeypatch.setattr(ladder_judgement, "is_judged", lambda count: count < 4)
    rows, _ = judged()
    assert rows["top:5, 4 prompts, dimensions"].verdict is None
    assert rows["top:5, 2 prompts, dimensions"].verdict is not None


def test_a_full_run_judges_two_prompts_at_once_and_not_ten():
    judged_counts = [count for count in range(1, 41) if ladder_cells.is_judged(count)]
    assert judged_counts == [1, 2, 3]


@pytest.mark.parametrize(
    ("rung", "layer", "trait", "counts"),
    [
        (FLOAT32, 15, "first", (1, 2)),
        (FLOAT32, 15, "second", (2,)),
        (FLOAT32, 22, "first", (2,)),
        (FLOAT32, 7, "second", ()),
        ("samples:2000", 15, "first", (2,)),
        (SCORE, 15, "first", (2, 10)),
        (SCORE, 7, "first", (2,)),
        (SCORE, 7, "second", (2,)),
    ],
)
def test_how_many_prompts_a_full_run_takes_together(rung, layer, trait, counts):
    names = {"first": 0, "second": 0}
    setting = SimpleNamespace(traits=names, layers=(7, 15, 22), scale=Scale.FULL)
    assert ladder_cells.counts_of(setting, rung, trait, layer) == counts


@pytest.mark.parametrize(
    ("predicted", "outcome"),
    [((0.96, 0.99), Outcome.CONFIRMED), ((0.2, 0.94), Outcome.REFUTED), ((0.9, 0.99), None)],
)
def test_recovery_is_judged_where_all_predictions_lie_on_one_side(predicted, outcome):
    rng = np.random.default_rng(0)
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [rng.uniform(0.97, 0.99, 12)], rng=rng)
    assert ladder_judgement._recovery(value, np.array(predicted)).outcome is outcome


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


def test_bands_in_figures_are_the_ones_that_are_judged():
    """Figures may not import claims, which import torch."""
    assert (efficacy.FRACTION, drawn_ladder.RECOVERED) == (EQUIVALENCE_FRACTION, RECOVERED)

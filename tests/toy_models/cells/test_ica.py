"""Cells of the ICA rows: what they see of a method that is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from identifiability.recovery.ica import ICARecovery
from identifiability.verdict import Prediction
from toy_models.cells import ica
from toy_models.cells.ica import ROWS, measure
from toy_models.linear_mixing import LinearMixing
from toy_models.matrix import Outcome, run_cell

GOOD = LinearMixing(width=3)
GAUSSIAN = LinearMixing(width=3, gaussians=2, samples=24_000)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 20_000)
    assert cell["agrees"], cell
    assert cell["score_min"] <= cell["interval"][0] <= cell["score"] <= cell["interval"][1] <= 1
    assert 0.6 < cell["chance"] < 0.93


class _Turned(ICARecovery):
    """A rotation of 0.3 radians between the first two columns, unannounced."""

    def fit(self, states, y=None):
        super().fit(states)
        turn = np.eye(self.mixing_.shape[1])
        turn[:2, :2] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
        self.mixing_ = self.mixing_ @ turn
        return self


class _Skewed(ICARecovery):
    """The last column leans on the first."""

    def fit(self, states, y=None):
        super().fit(states)
        self.mixing_[:, -1] += 0.3 * self.mixing_[:, 0]
        return self


class _Says(ICARecovery):
    """A prediction that does not depend on the data."""

    prediction = Prediction(True)

    def fit(self, states, y=None):
        super().fit(states)
        self.prediction_ = self.prediction
        return self


class _NamesAnother(_Says):
    prediction = Prediction(False, "the wrong pair", ((0, 1),))


class _Doubts(_Says):
    prediction = Prediction(None, "who knows")


def test_right_methods_are_right():
    assert measure(GOOD, 0).outcome == Outcome(True)
    assert measure(GAUSSIAN, 0).outcome.failure_mode == ica.turning(2, 3)


@pytest.mark.parametrize(
    ("model", "wrong", "mode"),
    [
        (GOOD, _Turned, "but the method says recovers"),
        (GOOD, _Skewed, "the lost columns leave their span"),
        (GAUSSIAN, _Skewed, "the lost columns leave their span"),
        (GAUSSIAN, _Says, "but the method says recovers"),
        (GAUSSIAN, _NamesAnother, "the method names"),
        (GAUSSIAN, _Doubts, "undecided: 2 of 3"),
        (GOOD, _NamesAnother, "recovered, but the method says fails"),
        (GOOD, _Doubts, "recovered, but the method says undecided"),
    ],
)
def test_a_wrong_method_is_not_taken_for_the_predicted_outcome(model, wrong, mode, monkeypatch):
    monkeypatch.setattr(ica, "ICARecovery", wrong)
    assert mode in measure(model, 0).outcome.failure_mode


def test_a_free_plane_that_lands_on_the_truth_once_is_not_recovered(monkeypatch):
    """One draw in four may be lucky; the others tell."""
    outcomes = []
    for draws in (1, 4):
        monkeypatch.setattr(ica, "DRAWS", draws)
        found = [
            ica._compared(ICARecovery(random_state=0).fit(s.states), s.mixing)
            for s in (replace(GAUSSIAN, samples=3000).sample(seed) for seed in range(40))
        ]
        lucky = [np.max(one.angle) <= ica.BAR for one in found]
        groups = np.reshape(lucky, (-1, draws))
        outcomes.append(groups.all(axis=1).mean())
    assert outcomes[0] > 0
    assert outcomes[1] == 0

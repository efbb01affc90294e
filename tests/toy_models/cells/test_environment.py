"""Cells of the environment rows: what they see of a method that is wrong."""

import numpy as np
import pytest

from identifiability.recovery.environments import EnvironmentRecovery
from identifiability.verdict import Prediction
from toy_models.cells import environment
from toy_models.cells.environment import ROWS, measure
from toy_models.environment_readouts import EnvironmentReadouts
from toy_models.matrix import run_cell


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 20_000)
    assert cell["agrees"], cell
    assert cell["score_min"] <= cell["interval"][0] <= cell["score"] <= cell["interval"][1] <= 1


def test_every_condition_is_switched_on_and_off():
    for condition in {row.condition for row in ROWS}:
        assert {row.holds for row in ROWS if row.condition == condition} == {True, False}


class _Offset(EnvironmentRecovery):
    """An estimate that is wrong by one part in a million."""

    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        self.vector_ = self.vector_ * (1 + 1e-6)
        return self


class _Confident(EnvironmentRecovery):
    """Recovery is promised whatever the conditions say."""

    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        self.prediction_ = Prediction(True)
        return self


class _Miscounts(EnvironmentRecovery):
    """One dimension too many is said to be lost."""

    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        lost = self.kernel_.shape[1] + 1
        self.prediction_ = Prediction(False, f"kernel: {lost} of 12 dimensions")
        return self


class _Guesses(EnvironmentRecovery):
    """The kernel part is filled in with something."""

    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        self.vector_ = self.vector_ + self.kernel_.sum(axis=1)
        self.prediction_ = Prediction(True)
        return self


class _BlamesTheFirst(EnvironmentRecovery):
    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        words = "undecided: responses[0] disagrees with the others"
        self.prediction_ = Prediction(None, words, ((0,),))
        return self


class _Sevens(EnvironmentRecovery):
    """The right words beside an estimate that has nothing to do with the responses."""

    def fit(self, jacobians, responses):
        super().fit(jacobians, responses)
        self.vector_ = np.full_like(self.vector_, 7.0)
        return self


@pytest.mark.parametrize(
    ("wrong", "model"),
    [
        (_Offset, EnvironmentReadouts(environments=4)),
        (_Offset, EnvironmentReadouts(environments=3)),
        (_Confident, EnvironmentReadouts(environments=3)),
        (_Miscounts, EnvironmentReadouts(environments=4)),
        (_Miscounts, EnvironmentReadouts(environments=3)),
        (_Guesses, EnvironmentReadouts(environments=3)),
        (_BlamesTheFirst, EnvironmentReadouts(environments=6, odd=3)),
        (_Sevens, EnvironmentReadouts(environments=6, odd=3)),
        (_Sevens, EnvironmentReadouts(environments=5, odd=1)),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_wrong_method_disagrees(wrong, model, monkeypatch):
    right = measure(model, 0).outcome
    monkeypatch.setattr(environment, "EnvironmentRecovery", wrong)
    assert measure(model, 0).outcome != right


def test_the_named_environment_is_checked_against_the_truth(monkeypatch):
    model = EnvironmentReadouts(environments=6, odd=3)
    assert str(measure(model, 0).outcome.failure_mode).endswith("; without it v comes back")
    monkeypatch.setattr(environment, "EnvironmentRecovery", _BlamesTheFirst)
    assert "comes back" not in str(measure(model, 0).outcome.failure_mode)


def test_errors_are_scored_per_planted_vector():
    found = measure(EnvironmentReadouts(environments=3), 0)
    assert (found.n, found.d) == (15, 12)
    # Lost are 3 of 12 dimensions: 1 - E||b||/||v||, about 1 - sqrt(3/12).
    assert found.score == pytest.approx(0.5, abs=0.12)
    assert np.isfinite(found.chance)

"""Cells of the invariance rows, and what they see of a method that is wrong."""

import numpy as np
import pytest

from identifiability.recovery.invariant import InvariantRecovery
from identifiability.verdict import Prediction
from toy_models.cells import invariant
from toy_models.cells.invariant import chance, measure, measure_average
from toy_models.matrix import run_cell, select
from toy_models.traits import TraitEnvironments

ENOUGH = TraitEnvironments(rank=2, environments=4)


@pytest.mark.parametrize("row", select(["invariant"]), ids=lambda row: row.model)
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 30_000)
    assert cell["agrees"], cell
    assert cell["score_min"] <= cell["interval"][1]
    assert cell["interval"][0] <= cell["score"] <= cell["interval"][1] <= 1 + 1e-12


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_chance_is_the_mean_cosine_of_a_random_direction(width):
    draws = np.random.default_rng(0).standard_normal((20_000, width))
    cosines = np.abs(draws[:, 0]) / np.linalg.norm(draws, axis=1)
    z = (cosines.mean() - chance(width)) / max(cosines.std() / np.sqrt(len(cosines)), 1e-12)
    assert abs(z) < 5


class _Average(InvariantRecovery):
    def fit(self, vectors, y=None):
        super().fit(vectors)
        self.component_ = np.mean(vectors, axis=0)
        return self


class _Turned(InvariantRecovery):
    """A component off by one part in a million."""

    def fit(self, vectors, y=None):
        super().fit(vectors)
        self.component_ = self.component_ + 1e-6 * np.eye(8)[0]
        return self


class _NeverDoubts(InvariantRecovery):
    def fit(self, vectors, y=None):
        super().fit(vectors)
        self.prediction_ = Prediction(True)
        return self


@pytest.mark.parametrize(
    ("broken", "model", "failure"),
    [
        (_Average, ENOUGH, "off within col(S); said: recovers"),
        (_Turned, ENOUGH, "off elsewhere; said: recovers"),
        (_NeverDoubts, TraitEnvironments(environments=2), "off within col(S); said: recovers"),
        (InvariantRecovery, TraitEnvironments(environments=2), "undecided: spanning environments"),
    ],
)
def test_a_method_that_is_wrong_is_seen(monkeypatch, broken, model, failure):
    monkeypatch.setattr(invariant, "InvariantRecovery", broken)
    assert failure in measure(model, True, 0).outcome.failure_mode


def test_the_average_is_judged_by_the_planted_amounts():
    assert measure_average(TraitEnvironments(balanced=True), 0).outcome.recovers
    assert measure_average(TraitEnvironments(balanced=True), 0).score == pytest.approx(1.0)
    noisy = measure_average(TraitEnvironments(noise=0.1), 0).outcome
    assert noisy.failure_mode == "the average is off by something else"

"""Cells of the covariance rows, and what they see of a method that is wrong."""

import re

import numpy as np
import pytest

from identifiability.recovery.covariance import CovarianceRecovery
from identifiability.verdict import Prediction
from toy_models.cells import covariance
from toy_models.cells.covariance import measure
from toy_models.environments import StructuralEnvironments
from toy_models.matrix import Outcome, run_cell, select

DISTINCT, FREE = StructuralEnvironments(), StructuralEnvironments(gaps=(0.0,))


@pytest.mark.parametrize("row", select(["covariance"]), ids=lambda row: row.model)
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 30_000)
    assert cell["agrees"], cell
    assert cell["score_min"] <= cell["interval"][0] <= cell["score"] <= cell["interval"][1] <= 1
    assert 0.6 < cell["chance"] < 0.8  # a Haar rotation in five dimensions scores 0.73


class _UnmixingRows(CovarianceRecovery):
    """The generalised eigenvectors themselves, as is often done."""

    def fit(self, environments, *, groups=None):
        super().fit(environments)
        self.mixing_ = np.linalg.inv(self.mixing_).T
        return self


class _Tilted(CovarianceRecovery):
    """One column leaks into another by a fifth."""

    def fit(self, environments, *, groups=None):
        super().fit(environments)
        self.mixing_ = self.mixing_.copy()
        self.mixing_[:, 0] += 0.2 * self.mixing_[:, 4]
        return self


class _NeverDoubts(CovarianceRecovery):
    """Every prediction is recovery."""

    def fit(self, environments, *, groups=None):
        super().fit(environments)
        self.prediction_ = Prediction(True)
        return self


class _BlamesOthers(CovarianceRecovery):
    """The right number of columns, but the wrong ones."""

    def fit(self, environments, *, groups=None):
        super().fit(environments)
        if self.prediction_.affected:
            ((first, second),) = self.prediction_.affected
            others = tuple(sorted(set(range(5)) - {first, second}))[:2]
            self.prediction_ = Prediction(False, "rotation", (others,))
        return self


class _AlwaysDoubts(CovarianceRecovery):
    def fit(self, environments, *, groups=None):
        super().fit(environments)
        self.prediction_ = Prediction(None, "undecided")
        return self


@pytest.mark.parametrize(
    ("broken", "model", "failure"),
    [
        (_UnmixingRows, DISTINCT, "wrong"),
        (_Tilted, DISTINCT, "wrong, and not by a turn among themselves|wrong, which"),
        (_NeverDoubts, FREE, r"columns \(1, 3\) wrong, which"),
        (_BlamesOthers, FREE, "turned, the method says|now this, now that"),
        (_AlwaysDoubts, DISTINCT, "undecided"),
    ],
)
def test_a_method_that_is_wrong_is_seen(monkeypatch, broken, model, failure):
    monkeypatch.setattr(covariance, "CovarianceRecovery", broken)
    outcome = measure(model, 0).outcome
    assert not outcome.recovers
    assert re.search(failure, outcome.failure_mode), outcome
    expected = {True: Outcome(True), False: Outcome(False, covariance.rotation((1, 3)))}
    assert outcome != expected[model is DISTINCT]

"""Cells of the sparse rows: as predicted, and what they see of a method that is wrong."""

import numpy as np
import pytest

from identifiability.recovery.sparse import SparseRecovery
from identifiability.verdict import Prediction
from toy_models.cells import sparse
from toy_models.cells.sparse import ROWS, chance, measure
from toy_models.matrix import run_cell
from toy_models.superposition import Superposition


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.model} {row.condition}")
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 20_000)
    assert cell["agrees"], cell
    assert 0 <= cell["score_min"] <= cell["interval"][0] <= cell["interval"][1] <= 1


def test_rows_are_told_apart_and_have_both_sides():
    assert len({row.key for row in ROWS}) == len(ROWS)
    for condition in {row.condition for row in ROWS}:
        assert {row.holds for row in ROWS if row.condition == condition} == {True, False}


FACE = Superposition(code="face")
TWO = Superposition(code="two_codes")


class _Wrong(SparseRecovery):
    """Another vector than the one found, by one part in a hundred."""

    def fit(self, jacobian, response):
        super().fit(jacobian, response)
        self.codes_ = self.codes_ * 1.01
        self.vector_ = self.vector_ * 1.01
        return self


class _Denies(SparseRecovery):
    """Right, and predicts that it is not."""

    def fit(self, jacobian, response):
        super().fit(jacobian, response)
        self.prediction_ = Prediction(False, "two k-sparse explanations")
        return self


class _Claims(SparseRecovery):
    """Says that it recovers whatever the conditions say."""

    def fit(self, jacobian, response):
        super().fit(jacobian, response)
        self.prediction_ = Prediction(True)
        return self


class _Silent(SparseRecovery):
    """Finds one explanation where there are two."""

    def fit(self, jacobian, response):
        super().fit(jacobian, response)
        self.explanations_ = self.explanations_[:1]
        return self


@pytest.mark.parametrize(
    ("method", "model", "seen"),
    [
        (_Wrong, FACE, "not recovered, although the method says so"),
        (_Denies, FACE, "recovered, but the method denies it"),
        (_Claims, TWO, "not recovered, although the method says so"),
        (_Silent, TWO, "not two k-sparse explanations, as the method says"),
    ],
)
def test_a_method_that_is_wrong_is_seen(method, model, seen, monkeypatch):
    monkeypatch.setattr(sparse, "SparseRecovery", method)
    assert measure(model, "l1", True, True, 20_000, 0).outcome.failure_mode == seen


def test_chance_of_one_entry_is_the_chance_of_the_same_entry():
    assert chance(8, 1) == pytest.approx(1 / 8, abs=4 * np.sqrt(1 / 8 * 7 / 8 / 2000))

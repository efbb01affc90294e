"""Cells of the layer rows: theory's dials against the planted kernel, and wrong methods noticed."""

import numpy as np
import pytest

from identifiability.recovery.cross_layer import CrossLayerRecovery
from toy_models.cells import cross_layer
from toy_models.cells.cross_layer import ROWS, measure
from toy_models.layered import LayeredStack
from toy_models.matrix import run_cell


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_each_row_comes_out_as_predicted(row):
    cell = run_cell(row, 20_000)
    assert cell["agrees"], cell
    assert cell["score_min"] <= cell["interval"][0] <= cell["score"] <= cell["interval"][1] <= 1


def test_every_condition_is_switched_on_and_off():
    for condition in {row.condition for row in ROWS}:
        assert {row.holds for row in ROWS if row.condition == condition} == {True, False}


class _TrustsPaths(CrossLayerRecovery):
    """Predicts from the count of paths alone."""

    def fit(self, transports, reads, responses):
        super().fit(transports, reads, responses)
        if self.disjoint_paths_ == len(self.vector_):
            self.prediction_ = type(self.prediction_)(True)
        return self


class _LastReadOnly(CrossLayerRecovery):
    def fit(self, transports, reads, responses):
        nothing = [None] * len(transports)
        return super().fit(transports, [*nothing, reads[-1]], [*nothing, responses[-1]])


class _NothingIsLost(CrossLayerRecovery):
    """Leaves out what the maps kill."""

    def fit(self, transports, reads, responses):
        super().fit(transports, reads, responses)
        words = str(self.prediction_.failure_mode).replace("2 lost", "0 lost")
        self.prediction_ = type(self.prediction_)(False, words)
        return self


@pytest.mark.parametrize(
    ("wrong", "model"),
    [
        (_TrustsPaths, LayeredStack(layers=7, outputs=1, maps="identity", same_read=True)),
        (_TrustsPaths, LayeredStack(layers=6, hidden=1)),
        (_LastReadOnly, LayeredStack(layers=3)),
        (_NothingIsLost, LayeredStack(layers=6, rank=4)),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_wrong_method_disagrees(wrong, model, monkeypatch):
    right = measure(model, 0).outcome
    monkeypatch.setattr(cross_layer, "CrossLayerRecovery", wrong)
    assert measure(model, 0).outcome != right


def test_a_read_more_makes_the_difference():
    short, enough = measure(LayeredStack(layers=2), 0), measure(LayeredStack(layers=3), 0)
    assert not short.outcome.recovers
    assert enough.outcome.recovers
    assert enough.score > short.score
    assert np.isclose(enough.score, 1)

"""Predicted beside measured: what is a ratio, what is a number, and what is left out."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from identifiability.reporting.figures.predictions import (
    arms_swept,
    grows,
    predicted_against_measured,
    strength_sweep,
)
from tests.identifiability.reporting import examples


def test_points_lie_at_their_prediction_and_their_measurement():
    axes = Figure().subplots()
    rows = [examples.row(), examples.row(alpha=0.1, measured=0.0), examples.row(alpha=0.2)]
    predicted_against_measured(axes, rows)
    shown = [line for line in axes.lines if line.get_marker() in "os^Dv"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in shown] == [(0.01, 0.011)] * 2
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "α = 0.5" in names
    assert "α = 0.1" not in names  # 0 has no place on a logarithmic axis


def test_a_prediction_that_grows_is_divided_by():
    axes = Figure().subplots()
    rows = examples.sweep()
    assert grows(rows)
    strength_sweep(axes, rows)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 2.0)
    assert axes.get_ylabel() == "measured / predicted"


def test_a_prediction_that_stays_is_drawn_beside():
    axes = Figure().subplots()
    rows = examples.sweep(prediction=0.4, measured=0.3, interval=[0.2, 0.5], unit="ratio of KL")
    assert not grows(rows)
    strength_sweep(axes, rows)
    measured, predicted = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3]
    assert list(measured) == pytest.approx([0.3] * 3)
    assert list(predicted) == pytest.approx([0.4] * 3)
    assert axes.get_ylabel() == "ratio of KL"
    (bars,) = axes.containers[0].lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [0.2, 0.5])


def test_an_arm_at_two_strengths_is_no_sweep():
    rows = examples.sweep()
    assert arms_swept(rows) == ["decile 1"]
    assert arms_swept(rows[:2]) == []
    rows[0]["measured"] = None
    assert arms_swept(rows) == []

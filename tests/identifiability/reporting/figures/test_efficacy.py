"""The twins of the paper's Figures 1 and 2: its statistic and the corrected one side by side."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from identifiability.reporting.figures.efficacy import dose_response, efficacies, raw_scores
from tests.identifiability.reporting import examples


def _marked(axes, marker):
    return [list(line.get_xdata()) for line in axes.lines if line.get_marker() == marker]


def test_raw_ratios_efficacies_and_means_are_told_apart():
    axes = Figure().subplots()
    efficacies(axes, examples.efficacy_draws(), examples.efficacy_rows())
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"{examples.RANDOM} alone", f"v + {examples.RANDOM}"]  # v itself is no arm
    assert _marked(axes, "s") == [[1.0, 1.01]] * 2
    assert _marked(axes, "o") == [pytest.approx([0.05] * 2), pytest.approx([1.1] * 2)]
    assert _marked(axes, "D") == [[0.05], [1.05]]
    # The bands are a fifth of v's effect around none and around v's.
    assert [box.get_x() for box in axes.patches] == pytest.approx([-0.2, 0.8])
    assert [box.get_width() for box in axes.patches] == pytest.approx([0.4, 0.4])


def test_behind_a_closed_gate_only_the_papers_ratio_is_there_and_it_says_so():
    axes = Figure().subplots()
    rows = [row | {"measured": None, "interval": None} for row in examples.efficacy_rows()]
    efficacies(axes, examples.efficacy_draws(closed=True), rows)
    assert _marked(axes, "o") == [[], []]
    assert _marked(axes, "D") == []
    assert "gate closed" in axes.get_xlabel()


def test_raw_scores_start_from_the_unsteered_one():
    axes = Figure().subplots()
    raw_scores(axes, examples.doses())
    assert [line.get_label() for line in axes.lines] == ["v", f"v + {examples.RANDOM}"]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 0.5, 1])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [5, 6, 7])


def test_effects_have_the_predicted_slope_and_the_band_of_v():
    axes = Figure().subplots()
    dose_response(axes, examples.doses(), {"v": 1.9})
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed.get_ydata(), [0, 0.95, 1.9])
    corners = axes.collections[-1].get_paths()[0].vertices
    at_one = corners[np.isclose(corners[:, 0], 1.0), 1]
    assert (at_one.min(), at_one.max()) == pytest.approx((1.6, 2.4))

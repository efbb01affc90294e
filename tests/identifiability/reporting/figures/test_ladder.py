"""The observation ladder: every rung, both sides, and where the sentence turns."""

import numpy as np
from matplotlib.figure import Figure

from identifiability.reporting.figures.ladder import (
    against_prompts,
    in_words,
    ladder,
    most_prompts,
    turning,
)
from tests.identifiability.reporting import examples


def test_rungs_are_compared_at_a_number_of_prompts_that_all_have():
    points = examples.ladder()
    assert most_prompts(points) == 2  # only the finest rung has 4
    assert [(p["predicted"], p["measured"]) for p in turning(points)] == [("score", "score")]


def test_predicted_rings_and_measured_dots_from_the_finest_down():
    axes = Figure().subplots()
    ladder(axes, examples.ladder())
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["all logits, float32", "top 20 log-probabilities", "a log-odds score"]
    predicted, measured = [line for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(predicted.get_xdata(), [0.99, 0.97, 0.3])
    np.testing.assert_allclose(measured.get_xdata(), [0.98, 0.96, 0.29])
    np.testing.assert_allclose(measured.get_ydata(), [0, -1, -2])
    assert axes.get_xlim()[0] < 0.29


def test_a_quantity_against_prompts_for_every_rung():
    axes = Figure().subplots()
    against_prompts(axes, examples.ladder(), "dimensions")
    assert [list(line.get_ydata()) for line in axes.lines[::2]] == [[2, 1, -1], [2, 1], [2, 1]]
    assert axes.get_ylabel() == "class dimension"


def test_rungs_in_words():
    assert in_words("samples:2000") == "2000 sampled tokens"
    assert in_words("greedy token") == "greedy token"

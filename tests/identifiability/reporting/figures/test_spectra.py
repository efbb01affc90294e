"""Spectra: the curve, the marks where directions turn invisible, and counts over prompts."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from identifiability.reporting.figures.spectra import growing_dimension, spectra
from tests.identifiability.reporting import audit_examples, examples


def test_one_curve_a_layer_and_its_mark_at_the_edge_of_the_null_space():
    axes = Figure().subplots()
    spectra(axes, [examples.spectrum(1), examples.spectrum(5)])
    assert "after block 1: 1 of 3 below 0.01 nats" in axes.lines[0].get_label()
    values = axes.lines[0].get_ydata()
    np.testing.assert_allclose(values[:2], [1.0, 0.1])
    assert np.isnan(values[2])  # a logarithm of 0 is not drawn
    mark = next(line for line in axes.lines if line.get_marker() == "o")
    # 2 epsilon / r², between the second direction, which is seen, and the third, which is not.
    assert mark.get_ydata()[0] == pytest.approx(2 * 0.01 / 2.0**2)
    assert mark.get_xdata()[0] == 2.5
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any(name.startswith("after block 5") for name in names)


def test_an_audit_has_no_trait_and_is_drawn_too():
    axes = Figure().subplots()
    spectra(axes, audit_examples.audit()["spectrum"])
    assert "‖v‖" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_directions_below_a_cut_and_below_rounding_over_prompts():
    axes = Figure().subplots()
    growing_dimension(axes, examples.growing()[::-1], {"a cut": 0.2})
    cut, rounding = axes.lines
    np.testing.assert_array_equal(cut.get_xdata(), [1, 2])
    np.testing.assert_array_equal(cut.get_ydata(), [2, 2])
    np.testing.assert_array_equal(rounding.get_ydata(), [1, 0])

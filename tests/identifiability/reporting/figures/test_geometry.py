"""The geometry of what an output leaves open."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from identifiability.reporting.figures.geometry import V, exact_kernel, half_axes_ratio, thin_class


def _axes():
    return Figure().add_subplot(projection="3d")


def test_the_class_of_a_kernel_is_a_line_along_the_third_axis():
    axes = _axes()
    exact_kernel(axes)
    x, y, z = axes.lines[0].get_data_3d()
    assert set(x) == {V[0]}
    assert set(y) == {V[1]}
    assert z[0] < V[2] < z[1]


def test_the_ratio_is_said_and_rounding_bounds_it():
    axes = _axes()
    thin_class(axes, 168.0)
    assert any("168" in text.get_text() for text in axes.get_legend().get_texts())
    assert half_axes_ratio([4.0, 1.0, 0.25], 1e-9) == pytest.approx(4)
    assert half_axes_ratio([4.0, 0.0], 1e-2) == pytest.approx(20)
    assert np.isfinite(half_axes_ratio([1.0, -1e-12], 1e-6))

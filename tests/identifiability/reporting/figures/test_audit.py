"""What an audit measured along the step to its witness."""

import numpy as np
from matplotlib.figure import Figure

from identifiability.reporting.figures.audit import along_the_step
from tests.identifiability.reporting import audit_examples

RUNGS = audit_examples.audit()["vector"]["witness"]["along_its_step"]


def test_measured_divergence_with_its_second_order_and_epsilon():
    axes = Figure().subplots()
    along_the_step(axes, RUNGS, 0.01, "steps")
    predicted, measured, epsilon = axes.lines
    np.testing.assert_allclose(measured.get_ydata(), [0.25e-3, 1e-3, 4e-3])
    np.testing.assert_allclose(predicted.get_ydata(), [0.275e-3, 1.1e-3, 4.4e-3])
    assert set(epsilon.get_ydata()) == {0.01}
    assert axes.get_yscale() == "log"


def test_a_divergence_of_zero_is_drawn_on_a_plain_axis():
    axes = Figure().subplots()
    along_the_step(axes, [rung | {"measured": 0.0} for rung in RUNGS], 0.01, "steps")
    assert axes.get_yscale() == "linear"

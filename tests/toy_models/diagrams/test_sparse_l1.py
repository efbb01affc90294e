"""The l1 phase diagram: its curve against other formulas, its checks on both sides."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from toy_models.diagrams import sparse_l1
from toy_models.diagrams.sparse_l1 import (
    DIAGRAM,
    draw,
    measure,
    phase_transition,
    points,
    statistical_dimension,
)


def test_the_curve_is_the_statistical_dimension_of_the_descent_cone():
    """Two derivations: state evolution, and conic geometry."""
    for delta, rho in zip(*phase_transition(np.array([0.1, 0.5, 1.0, 2.0])), strict=True):
        assert statistical_dimension(delta * rho) == pytest.approx(delta, abs=1e-6)


def test_the_curve_at_known_points():
    """Donoho & Tanner 2009: 0.1894 at delta 0.1, 0.3857 at 0.5; ends at 0 and at (1, 1)."""
    delta, rho = phase_transition(np.linspace(0.01, 6, 20_000))
    at = np.interp([0.1, 0.5], delta[::-1], rho[::-1])
    np.testing.assert_allclose(at, [0.1894, 0.3857], atol=2e-4)
    assert delta[0] > 0.98
    assert rho[0] > 0.98
    assert delta[-1] < 1e-6
    assert np.all(np.diff(rho) < 0)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_statistical_dimension_by_integration(share):
    def bound(tau):
        beyond = 2 * quad(lambda u: (u - tau) ** 2 * norm.pdf(u), tau, np.inf)[0]
        return share * (1 + tau**2) + (1 - share) * beyond

    by_grid = min(bound(tau) for tau in np.linspace(0.01, 4, 400))
    assert statistical_dimension(share) == pytest.approx(by_grid, abs=1e-4)


def test_both_sides_of_the_band_are_no_matter_of_counting():
    few, enough = sparse_l1._both_sides()
    assert 2 * sparse_l1._SPARSITY < few < enough < sparse_l1._CHECKED
    coherence_allows = (1 + np.sqrt(enough)) / 2  # about, for Gaussian columns, at the very best
    assert coherence_allows < sparse_l1._SPARSITY


def _invented(found):
    return [
        (p, {"l1": found(p), "lasso": 0.0, "omp": 0.0, "below": float(p[2] == 1)})
        for p in points(False)
    ]


def test_checks_fail_on_a_boundary_that_is_elsewhere():
    _, enough = sparse_l1._both_sides()
    always = draw(_invented(lambda p: 1.0))
    never = draw(_invented(lambda p: 0.0))
    assert [c.agrees for c in always.checks] == [True, False, True, True]
    assert [c.agrees for c in never.checks] == [False, True, False, True]
    worse = [(p, f | {"lasso": 1.0}) for p, f in _invented(lambda p: 0.0)]
    assert not draw(worse).checks[3].agrees
    right = draw(_invented(lambda p: float(p[2] == 1 or p[1] == enough)))
    assert all(c.agrees for c in right.checks)


def test_shares_land_where_they_were_measured():
    marked = points(False)[7]
    drawing = draw(_invented(lambda p: float(p == marked)))
    values = np.array(drawing.panels[0].values)
    row, column = np.argwhere(values > 0)[0]
    assert (values > 0).sum() == 1
    assert drawing.panels[0].x[column] == pytest.approx(marked[1] / marked[0])
    assert round(drawing.panels[0].y[row] * marked[1]) == marked[2] or marked[2] == 1
    assert values[row, column] == pytest.approx(1 / drawing.trials)


def test_a_trial_on_either_side():
    assert measure((60, 50, 2, 0), 1) == {"l1": 1.0, "lasso": 1.0, "omp": 1.0, "below": 0.0} | {
        "below": measure((60, 50, 2, 0), 1)["below"]
    }
    assert measure((60, 14, 12, 0), 1)["l1"] == 0.0
    assert measure((60, 30, 1, 0), 1)["below"] == 1.0


def test_every_point_has_its_own_name():
    for full in (False, True):
        assert len(set(points(full))) == len(points(full))
    assert DIAGRAM.method == "sparse"

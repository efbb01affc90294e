"""The diagram over ratio gap and samples: its boundary, and checks that can fail."""

import numpy as np
import pytest

from identifiability.recovery.covariance import CovarianceRecovery
from toy_models.diagram import as_json
from toy_models.diagrams import two_environments
from toy_models.diagrams.two_environments import DIAGRAM, TOLERANCE, points
from toy_models.matrix import DIAGRAMS, point_seed


@pytest.fixture(scope="module")
def trials():
    return [
        (point, DIAGRAM.measure(point, point_seed(7, DIAGRAM, point))) for point in points(False)
    ]


def _failed(trials):
    return [check.statement for check in DIAGRAM.draw(trials).checks if not check.agrees]


def _with(trials, **change):
    """The same trials, numbers replaced by functions of them."""
    return [(p, found | {k: f(p, found) for k, f in change.items()}) for p, found in trials]


def test_all_checks_agree_and_the_boundary_separates(trials):
    drawing = as_json(DIAGRAM, trials)
    assert DIAGRAM.name in DIAGRAMS
    assert len(drawing["checks"]) >= 3
    assert all(check["agrees"] for check in drawing["checks"]), drawing["checks"]
    ours, *baselines = drawing["panels"]
    (boundary,) = drawing["curves"]
    assert [panel["role"] for panel in baselines] == ["baseline", "baseline"]
    needed = np.exp(np.interp(np.log(0.2), np.log(boundary["x"]), np.log(boundary["y"])))
    column = ours["x"].index(0.2)
    shares = np.array(ours["values"])[:, column]
    assert shares[np.array(ours["y"]) > 10 * needed].min() > 0.9
    assert shares[np.array(ours["y"]) < needed / 2].max() < 0.75


def test_the_boundary_is_where_half_of_normal_angles_are_within_the_tolerance():
    curve = two_environments._boundary([0.05, 0.1], [1, 10**6])
    for gap, n in zip(curve.x[::10], curve.y[::10], strict=True):
        # sqrt(2)/(gap sqrt(n)), to second order in the gap
        assert 0.6745 * np.sqrt(2 / n) / gap == pytest.approx(np.tan(TOLERANCE), rel=0.06)


def test_a_full_run_has_more_of_everything():
    thin, full = ({len({p[i] for p in points(f)}) for i in range(3)} for f in (False, True))
    assert max(full) > max(thin)
    assert len(points(True)) > 5 * len(points(False))
    assert len(set(points(True))) == len(points(True))


@pytest.mark.parametrize(
    ("change", "statement"),
    [
        ({"turn": lambda p, f: f["turn"] / p[1] ** 0.5}, "slope of the angle in n"),
        ({"turn": lambda p, f: f["turn"] / p[0]}, "slope of the angle in the law"),
        ({"turn": lambda p, f: 1.5 * f["turn"]}, "mean square"),
        ({"angle": lambda p, f: 2 * f["angle"] + 0.1}, "recovered where"),
        ({"angle": lambda p, f: f["angle"] / 5}, "recovered no more often"),
        ({"pca": lambda p, f: f["angle"]}, "principal axes"),
    ],
)
def test_every_check_can_fail(trials, change, statement):
    assert any(statement in failed for failed in _failed(_with(trials, **change)))


def test_generalised_eigenvectors_in_place_of_columns_are_seen(monkeypatch):
    """The usual mistake: rows of the unmixing."""

    class Rows(CovarianceRecovery):
        def fit(self, environments, *, groups=None):
            super().fit(environments)
            self.mixing_ = np.linalg.inv(self.mixing_).T
            return self

    monkeypatch.setattr(two_environments, "CovarianceRecovery", Rows)
    points_inside = [(1.6, 6400, k) for k in range(10)]
    angles = [DIAGRAM.measure(p, point_seed(0, DIAGRAM, p))["angle"] for p in points_inside]
    assert np.mean(np.array(angles) <= TOLERANCE) < 0.5

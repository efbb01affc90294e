"""The diagram of source shape and n: its formula first, then what its checks notice."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import FastICA

from toy_models.diagrams.ica_source_shape import (
    BAR,
    DIAGRAM,
    NEEDED,
    samples_needed,
    share,
    turn_variance,
    worst_angle,
)
from toy_models.linear_mixing import generalised_normal
from toy_models.matrix import point_seed


@pytest.mark.parametrize("shape", [1.0, 1.5, 4.0])
def test_turn_and_stretch_of_fastica_have_the_variance_of_the_formula(shape):
    """200 fits: the standard error of a variance is 10 %, finite n adds some."""
    rng, count = np.random.default_rng(0), 8000
    turns, stretches = [], []
    for _ in range(200):
        sources = generalised_normal(shape, (count, 2), rng)
        gain = FastICA(whiten="unit-variance", random_state=0).fit(sources).mixing_
        if abs(gain[0, 0]) < abs(gain[0, 1]):
            gain = gain[:, ::-1]
        gain = gain / np.diag(gain)
        turns.append((gain[0, 1] - gain[1, 0]) / 2)
        stretches.append((gain[0, 1] + gain[1, 0]) / 2)
    # A fit that stopped at a minimum of the contrast is 45 degrees off: no matter of variance.
    settled = np.abs(turns) < 0.35
    assert settled.mean() > 0.95
    assert count * np.var(np.array(turns)[settled]) == pytest.approx(turn_variance(shape), rel=0.4)
    assert count * np.var(np.array(stretches)[settled]) == pytest.approx(0.25, rel=0.4)


def test_moments_of_the_formula_against_samples():
    rng = np.random.default_rng(1)
    s = generalised_normal(1.5, (2_000_000,), rng)
    g = np.tanh(s)
    tau = abs(np.mean(s * g) - np.mean(1 - g**2))
    gamma = np.mean(g**2) - np.mean(s * g) ** 2
    assert turn_variance(1.5) == pytest.approx(gamma / (2 * tau**2), rel=0.05)


def test_share_against_draws_of_turn_and_stretch():
    rng, n = np.random.default_rng(2), 300
    a = rng.standard_normal(400_000) * math.sqrt(turn_variance(1.0) / n)
    c = rng.standard_normal(400_000) / math.sqrt(4 * n)
    inside = np.maximum(np.abs(a - c), np.abs(a + c)) <= math.tan(BAR)
    assert share(1.0, n) == pytest.approx(inside.mean(), abs=0.005)


def test_the_boundary_diverges_at_the_gaussian_from_both_sides():
    left = [samples_needed(shape) for shape in (1.0, 1.5, 1.8, 1.95)]
    right = [samples_needed(shape) for shape in (10.0, 4.0, 2.5, 2.1)]
    assert left == sorted(left)
    assert right == sorted(right)
    assert share(1.5, samples_needed(1.5)) == pytest.approx(NEEDED)
    assert math.isinf(samples_needed(2.0))
    assert share(2.0, 1e6) == pytest.approx(BAR / (math.pi / 4))
    # tau falls linearly towards 2, so that n grows by four as the distance halves.
    near = samples_needed(1.99) / samples_needed(1.98)
    assert near == pytest.approx(4, rel=0.1)


def test_a_free_plane_comes_within_the_bar_as_often_as_said():
    angles = np.random.default_rng(0).uniform(0, 2 * math.pi, 4000)
    turned = [
        worst_angle(np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]]), np.eye(2))
        for t in angles
    ]
    assert max(turned) <= math.pi / 4 + 1e-12
    assert stats.kstest(turned, stats.uniform(0, math.pi / 4).cdf).pvalue > 1e-3


def _trials(alter=lambda point, numbers: numbers):
    """What theory expects, without running anything: shares as weights of two outcomes."""
    rng = np.random.default_rng(0)
    trials = []
    for point in DIAGRAM.points(False):
        shape, n, _ = point
        comes = float(rng.random() < max(share(shape, n), BAR / (math.pi / 4)))
        says = float(n > 4 * samples_needed(shape))
        trials.append((point, alter(point, {"ours": comes, "alone": comes, "says": says})))
    return trials


def _failed(trials):
    return [check.statement for check in DIAGRAM.draw(trials).checks if not check.agrees]


def test_checks_accept_what_theory_expects():
    assert _failed(_trials()) == []


@pytest.mark.parametrize(
    ("alter", "statement"),
    [
        (lambda p, n: n | {"ours": 0.0, "alone": 0.0}, "recovered from four times"),
        (lambda p, n: n | {"ours": 1.0}, "up to a quarter of the boundary"),
        (lambda p, n: n | {"ours": 1.0}, "Gaussian sources come back"),
        (lambda p, n: n | {"ours": 0.0}, "recovered less predicted"),
        (lambda p, n: n | {"says": 1.0}, "recovery is predicted for Gaussian"),
        (lambda p, n: n | {"says": 1.0}, "what is said to recover does"),
        (lambda p, n: n | {"says": 0.0}, "it is said so at 16 times"),
        (lambda p, n: n | {"alone": 1.0}, "less that of FastICA alone"),
    ],
)
def test_checks_notice(alter, statement):
    assert any(statement in failed for failed in _failed(_trials(alter)))


def test_a_trial_and_its_drawing():
    points = [(1.0, 6400, 0), (2.0, 400, 0)]
    found = [DIAGRAM.measure(point, point_seed(0, DIAGRAM, point)) for point in points]
    assert found[0] == {"ours": 1.0, "alone": 1.0, "says": 1.0}
    assert found[1]["says"] == 0.0
    drawing = DIAGRAM.draw(_trials())
    assert [panel.role for panel in drawing.panels] == ["ours", "ours", "baseline"]
    for panel in drawing.panels:
        assert np.shape(panel.values) == (len(panel.y), len(panel.x))
    assert [curve.role for curve in drawing.curves] == ["theory", "theory"]
    assert len(DIAGRAM.points(True)) > 5 * len(DIAGRAM.points(False))

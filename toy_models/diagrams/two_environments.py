r"""Two environments: how many samples it takes to tell two variance ratios apart (theory.md R3b).

With a difference g of log variance ratios and n samples in each environment, a column of the pair
is turned towards the other by a normal angle of standard deviation

.. math:: \sqrt{\frac{r_i^2 + r_i r_j}{n (r_i - r_j)^2}} \approx \frac{\sqrt2}{g \sqrt n}

(``toy_models.environments.leaks``), so that recovery sets in along g sqrt(n) = const: for a
tolerance t, half of the estimates are within it where 0.674 standard deviations are tan t. The
noises are Gaussian. Baselines: principal axes, and FastICA, of the states of both environments.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product

import numpy as np

from identifiability.metrics import mcc_directions
from identifiability.recovery.covariance import CovarianceRecovery
from toy_models.cells.covariance import gain
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing, Found, Panel, Point, Role
from toy_models.environments import EnvironmentStates, StructuralEnvironments, leaks

_WIDTH, _PAIR = 4, (1, 3)
TOLERANCE = 0.2  # radians, in units of the sources' standard deviations: a cosine of 0.98
# Beyond a standard deviation of 0.15 the tangent of an angle that ends at 45 degrees is no longer
# its first-order term.
_FIRST_ORDER = 0.15
_NORMAL_MEDIAN = 0.6745
_LOG_SPREAD = np.pi / (2 * np.sqrt(2))  # standard deviation of log |x| for a standard normal x


def points(full: bool) -> Sequence[Point]:
    """(gap, samples, repeat), by factors of 2 and 4 (thin) or sqrt(2) and 2 (full)."""
    if full:
        gaps, counts, repeats = 0.05 * 2 ** (np.arange(11) / 2), 100 * 2 ** np.arange(8), 40
    else:
        gaps, counts, repeats = 0.05 * 2.0 ** np.arange(6), 100 * 4 ** np.arange(4), 16
    return [(float(g), int(n), k) for g, n in product(gaps, counts) for k in range(repeats)]


def measure(point: Point, seed: int) -> Found:
    """The pair's angles in radians, the tangent towards its partner, and what the law says."""
    gap, samples, _ = point
    model = StructuralEnvironments(width=_WIDTH, gaps=(gap,), pair=_PAIR, samples=samples)
    instance = model.sample(seed)
    fit = CovarianceRecovery().fit(instance.states)
    turned = gain(instance, fit)
    law = leaks(instance.variances, samples)
    i, j = _PAIR
    pooled = np.vstack([x - x.mean(axis=0) for x in instance.states])
    return {
        "angle": _worst(turned),
        "turn": float(turned[i, j] / turned[j, j]),
        "law": float(law[i, j]),
        "total": float(np.linalg.norm(law[:, list(_PAIR)], axis=0).max()),
        "pca": _baseline(instance, np.linalg.eigh(pooled.T @ pooled)[1]),
        "ica": _baseline(instance, _fastica(pooled, seed)),
    }


def _worst(turned: np.ndarray) -> float:
    return float(np.arccos(np.minimum(np.diag(turned)[list(_PAIR)], 1.0)).max())


def _baseline(instance: EnvironmentStates, columns: np.ndarray) -> float:
    scales = np.sqrt(instance.variances.mean(axis=1))
    inside = np.linalg.solve(instance.mixing * scales, columns)
    inside /= np.linalg.norm(inside, axis=0)
    return _worst(np.abs(inside[:, list(mcc_directions(inside, np.eye(_WIDTH), draws=1).matching)]))


def _fastica(pooled: np.ndarray, seed: int) -> np.ndarray:
    """Mixing columns; near-Gaussian sources often do not converge, and count as they come out."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ica = FastICA(whiten="unit-variance", max_iter=50, random_state=seed % 2**32)
        return ica.fit(pooled).mixing_


def draw(trials: list[tuple[Point, Found]]) -> Drawing:
    """Shares of recoveries over (gap, samples), and the boundary where half of them are in."""
    gaps = sorted({point[0] for point, _ in trials})
    counts = sorted({point[1] for point, _ in trials})
    repeats = 1 + max(point[2] for point, _ in trials)

    def panel(label: str, role: Role, key: str) -> Panel:
        shares = np.zeros((len(counts), len(gaps)))
        for (gap, n, _), found in trials:
            shares[counts.index(n), gaps.index(gap)] += (found[key] <= TOLERANCE) / repeats
        return Panel(label, role, gaps, counts, shares.tolist())

    panels = [
        panel("joint diagonalisation of two covariances", "ours", "angle"),
        panel("principal axes of all states", "baseline", "pca"),
        panel("FastICA of all states", "baseline", "ica"),
    ]
    return Drawing(
        x=Axis("difference of the closest two log variance ratios", "log"),
        y=Axis("samples in each environment", "log"),
        panels=panels,
        curves=[_boundary(gaps, counts)],
        checks=_checks(trials),
        trials=repeats,
        note=(
            f"share of trials with both columns of the pair within {TOLERANCE} radians; d = "
            f"{_WIDTH}, Gaussian noises, float64, random structural causal models"
        ),
    )


def _boundary(gaps: list[float], counts: list[int]) -> Curve:
    x = np.geomspace(gaps[0], gaps[-1], 50)
    # The law times sqrt(n); the common ratio of the pair hardly matters and is the model's.
    unit = [leaks(np.exp([[0.0, 0.9], [0.0, 0.9 + gap]]), 1)[0, 1] for gap in x]
    y = (_NORMAL_MEDIAN * np.array(unit) / np.tan(TOLERANCE)) ** 2
    seen = (y >= counts[0]) & (y <= counts[-1])
    return Curve("half of the trials (theory)", "theory", x[seen].tolist(), y[seen].tolist())


def _checks(trials: list[tuple[Point, Found]]) -> list[Check]:
    """Bounds at four standard errors, known from the points alone, wherever one is quoted."""
    small = [(point, found) for point, found in trials if found["law"] <= _FIRST_ORDER]
    # sqrt(n) times the law depends on the gap alone: sqrt(2)/gap for small ones.
    design = np.array(
        [[1.0, np.log(p[1]), np.log(found["law"] * np.sqrt(p[1]))] for p, found in small]
    )
    logs = np.log([max(found["turn"], np.finfo(float).tiny) for _, found in small])
    slopes = np.linalg.lstsq(design, logs, rcond=None)[0]
    error = 4 * _LOG_SPREAD * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    scaled = np.mean([(found["turn"] / found["law"]) ** 2 for _, found in small])
    # An angle of spread s differs from its first-order term by s^2, here up to 2 %, squared 5 %.
    wide = 4 * np.sqrt(2 / len(small)) + 0.05
    edge = np.tan(TOLERANCE)
    inside = [found for _, found in trials if found["total"] <= edge / 4]
    outside = [found for _, found in trials if found["law"] >= 5 * edge]
    # An angle that is uniform within 45 degrees is below the tolerance by chance this often.
    lucky = TOLERANCE / (np.pi / 4)
    chance = lucky + 4 * np.sqrt(lucky * (1 - lucky) / len(outside))
    return [
        Check(
            "log-log slope of the angle in n is -1/2 (4 standard errors)",
            float(slopes[1]),
            float(-0.5 - error[1]),
            float(-0.5 + error[1]),
        ),
        Check(
            "log-log slope of the angle in the law's factor of the gap is 1 (4 standard errors)",
            float(slopes[2]),
            float(1.0 - error[2]),
            float(1.0 + error[2]),
        ),
        Check(
            "mean square of angle over its predicted standard deviation is 1",
            float(scaled),
            float(1 - wide),
            float(1 + wide),
        ),
        Check(
            "recovered where the standard deviation is a quarter of the tolerance or less",
            _share(inside, "angle"),
            0.95,
            1.0,
        ),
        Check(
            "recovered no more often than by chance where it is five times the tolerance",
            _share(outside, "angle"),
            0.0,
            float(chance),
        ),
        Check(
            "principal axes recover nothing even there where the covariances do",
            _share(inside, "pca"),
            0.0,
            0.1,
        ),
    ]


def _share(found: list[Found], key: str) -> float:
    return float(np.mean([trial[key] <= TOLERANCE for trial in found]))


DIAGRAM = Diagram(
    method="covariance",
    name="two_environments",
    title="Two environments: columns from covariances, over ratio gap and samples",
    points=points,
    measure=measure,
    draw=draw,
)

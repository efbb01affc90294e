r"""Phase diagram: exact recovery by l1 over measurements and sparsity, against Donoho--Tanner.

JD is a K-column Gaussian frame, the code has k entries of random sign. For k/K and M/K fixed and K
growing, l1 finds almost every code below a curve rho(delta), and almost none above it, with
delta = M/K and rho = k/M (Donoho & Tanner 2009; as a parametric curve in Donoho, Maleki & Montanari
2009, doi:10.1073/pnas.0909892106). With phi, Phi the normal density and distribution,

.. math::
    \delta = \frac{2\varphi}{\tau + 2(\varphi - \tau\Phi(-\tau))}, \quad
    \rho = 1 - \frac{\tau\Phi(-\tau)}{\varphi}.

At finite K the transition has a width. With V the number of dimensions that the descent cone of l1
at the code takes up, success has probability at least 1 - P(V >= M) and failure at least
P(V >= M + 1); V has mean delta_stat, which is K delta on the curve, and variance at most
2 min(delta_stat, K - delta_stat) (Amelunxen, Lotz, McCoy & Tropp 2014, arXiv:1303.6672, section 5;
McCoy & Tropp 2014, arXiv:1308.5265). Three such deviations off the curve a trial goes the wrong way
with probability 1/10 at most (Cantelli), so that the checks hold at any seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

from identifiability.recovery.sparse import SparseRecovery
from identifiability.recovery.sparse_report import estimate
from identifiability.sparse_codes import matching_pursuit
from identifiability.sparsity import coherence, unit_columns
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing, Found, Panel, Point

_FEATURES, _CHECKED = 60, 400  # K of the map, and of the checks against the theorem
_SPARSITY = 28  # of the checks: with K = 400 both sides of the band have k < M/2
_DEVIATIONS = 3.0
# Of 8 trials that go wrong with probability 1/10 at most, more than 4 do with probability 4e-4.
_CHECK_TRIALS, _HALF = 8, 0.5
# Relative error of a code that counts as found: generous to the lasso's bias.
_FOUND = 1e-2
# The lasso's penalty for columns of unit variance: small, as there is no noise, so that its bias of
# about as much stays below what counts as found; columns of length 1 scale it by 1/M.
_ALPHA = 1e-3
_ENDS = (0.05, 0.95)  # of both axes
_COHERENT = 0.999  # pairs nearer than this cannot be told apart by a solver of 1e-7 to 1e-2


def phase_transition(tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """delta and rho on the curve, for the parameter tau > 0 (large tau is small delta)."""
    from scipy.stats import norm

    density, tail = norm.pdf(tau), norm.sf(tau)
    delta = 2 * density / (tau + 2 * (density - tau * tail))
    return delta, 1 - tau * tail / density


def statistical_dimension(share: float) -> float:
    """Of the descent cone of l1 at a code with ``share`` = k/K entries, over K.

    inf over tau of share (1 + tau^2) + (1 - share) E(|g| - tau)_+^2, g standard normal (Amelunxen
    et al. 2014, proposition 4.5).
    """
    from scipy.optimize import minimize_scalar
    from scipy.stats import norm

    def bound(tau: float) -> float:
        beyond = 2 * ((1 + tau**2) * norm.sf(tau) - tau * norm.pdf(tau))
        return float(share * (1 + tau**2) + (1 - share) * beyond)

    return float(minimize_scalar(bound, bounds=(0, 40), method="bounded").fun)


def _both_sides() -> tuple[int, int]:
    """Rows that are too few and enough for the checks, 3 deviations off the curve."""
    share = statistical_dimension(_SPARSITY / _CHECKED)
    width = _DEVIATIONS * np.sqrt(2 * min(share, 1 - share) * _CHECKED)
    return int(np.floor(share * _CHECKED - width - 1)), int(np.ceil(share * _CHECKED + width))


def points(full: bool) -> list[Point]:
    """(K, M, k, place): a grid of M/K and k/M, then the trials of the checks."""
    size, repeats = (19, 30) if full else (6, 3)
    grid = np.linspace(*_ENDS, size).tolist()
    found: list[Point] = []
    for delta in grid:
        rows = round(delta * _FEATURES)
        counts = [max(1, round(rho * rows)) for rho in grid]
        found += [
            (_FEATURES, rows, k, c * repeats + r)
            for c, k in enumerate(counts)
            for r in range(repeats)
        ]
    for rows in _both_sides():
        found += [(_CHECKED, rows, _SPARSITY, r) for r in range(_CHECK_TRIALS)]
    return found


def measure(point: Point, seed: int) -> Found:
    """Whether l1, the lasso and orthogonal matching pursuit find one random code; 1 or 0 each."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    features, rows, sparsity, _ = point
    rng = np.random.default_rng(seed)
    columns, _ = unit_columns(rng.standard_normal((rows, features)))
    code = np.zeros(features)
    code[:sparsity] = rng.uniform(1, 2, sparsity) * rng.choice([-1, 1], sparsity)
    response = columns @ code
    mu = coherence(columns)
    below = mu < _COHERENT and sparsity < (1 + 1 / mu) / 2
    found = {"l1": _right(_ours(columns, response, sparsity), code), "below": float(below)}
    if features != _FEATURES:
        return found
    lasso = Lasso(alpha=_ALPHA / rows, fit_intercept=False)
    with warnings.catch_warnings():
        # Out of the box it often stops early; that is part of what a user gets, and not hidden:
        # its share is what the panel shows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso.fit(columns, response)
    found["lasso"] = _right(lasso.coef_, code)
    found["omp"] = _right(matching_pursuit(columns, response, sparsity)[0], code)
    return found


def _ours(columns: np.ndarray, response: np.ndarray, sparsity: int) -> np.ndarray:
    """SparseRecovery's estimate, without the checks that go before it."""
    recovery = SparseRecovery(sparsity=sparsity)
    problem = recovery.problem(columns, response, np.eye(columns.shape[1]))
    return estimate(problem)[0] / problem.scale


def _right(found: np.ndarray, code: np.ndarray) -> float:
    return float(np.linalg.norm(found - code) <= _FOUND * np.linalg.norm(code))


def draw(trials: list[tuple[Point, Found]]) -> Drawing:
    """Shares over the grid, the boundaries, and the checks."""
    mapped = [trial for trial in trials if trial[0][0] == _FEATURES]
    widths = sorted({point[1] for point, _ in mapped})
    # The grid is square: as many sparsity ratios as measurement ratios, named by their place.
    ratios = np.linspace(*_ENDS, len(widths)).tolist()
    repeats = len(mapped) // len(widths) ** 2
    lasso = f"scikit-learn Lasso(alpha={_ALPHA})"
    panels = [
        _panel("basis pursuit", "ours", "l1", mapped, widths, ratios),
        _panel(lasso, "baseline", "lasso", mapped, widths, ratios),
        _panel("scikit-learn OMP, told k", "baseline", "omp", mapped, widths, ratios),
    ]
    return Drawing(
        x=Axis("measurements per feature, M/K"),
        y=Axis("entries per measurement, k/M"),
        panels=panels,
        curves=_boundaries(),
        checks=_checks(trials, mapped),
        trials=repeats,
        note=f"K = {_FEATURES}, Gaussian columns of length 1, float64, no noise; "
        f"found means a relative error of {_FOUND} at most",
    )


def _panel(
    label: str,
    role: Literal["ours", "baseline"],
    name: str,
    mapped: list[tuple[Point, Found]],
    widths: Sequence[int],
    ratios: Sequence[float],
) -> Panel:
    repeats = len(mapped) // len(widths) ** 2
    shares = np.zeros((len(ratios), len(widths)))
    for (_, rows, _, place), found in mapped:
        shares[place // repeats, widths.index(rows)] += found[name] / repeats
    x = [rows / _FEATURES for rows in widths]
    return Panel(label, role, x, list(ratios), shares.tolist())


def _boundaries() -> list[Curve]:
    delta, rho = phase_transition(np.linspace(0.02, 3.2, 200))
    ratios = np.linspace(*_ENDS, 50)
    rows = ratios * _FEATURES
    least = np.sqrt((_FEATURES - rows) / (rows * (_FEATURES - 1)))  # Welch 1974
    return [
        Curve(
            "Donoho-Tanner: almost every code, K large",
            "theory",
            delta[::-1].tolist(),
            rho[::-1].tolist(),
        ),
        Curve("2k = M: every code is the only one below", "theory", _ENDS, (0.5, 0.5)),
        Curve(
            "coherence bound, for the least coherence that K columns can have",
            "theory",
            ratios.tolist(),
            ((1 + 1 / least) / 2 / rows).tolist(),
        ),
    ]


def _checks(trials: list[tuple[Point, Found]], mapped: list[tuple[Point, Found]]) -> list[Check]:
    few, enough = _both_sides()

    def share(rows: int) -> float:
        return float(np.mean([f["l1"] for p, f in trials if p[:2] == (_CHECKED, rows)]))

    guaranteed = [found["l1"] for _, found in trials if found["below"]]
    lead = float(np.mean([found["l1"] - found["lasso"] for _, found in mapped]))
    where = f"K = {_CHECKED}, k = {_SPARSITY}"
    return [
        Check(f"{where}, M = {enough}: most codes are found", share(enough), _HALF, 1.0),
        Check(f"{where}, M = {few}: most codes are missed", share(few), 0.0, _HALF),
        Check(
            "below the coherence bound every code is found", float(np.mean(guaranteed)), 1.0, 1.0
        ),
        Check("share found: basis pursuit less lasso, at least 0", lead, 0.0, 1.0),
    ]


DIAGRAM = Diagram(
    method="sparse",
    name="sparse_l1",
    title="Exact recovery of sparse codes by l1",
    points=points,
    measure=measure,
    draw=draw,
)

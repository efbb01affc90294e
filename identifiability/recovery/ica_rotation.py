r"""The rotation that makes white samples independent: FastICA's, unless its sources are not.

FastICA's usual contrasts are even functions. To first order they tell a source from the others by
:math:`\tau = E[s g(s)] - E[g'(s)]`, which may be zero for a skewed source that is anything but
Gaussian (nearly so for a half-normal one and log cosh); and an iteration started 45 degrees away
from two sources may come to rest at once (Tichavsky, Koldovsky & Oja 2006,
doi:10.1109/TSP.2006.870561, section V). So where tau cannot be told from 0 for more sources than
the cumulants cannot tell from Gaussian, or sources are found dependent, the rotation is looked for
once more by the third and fourth cumulants together: the maximum of
:math:`\sum_j \gamma_j^2/12 + \kappa_j^2/48` (Comon 1994, doi:10.1016/0165-1684(94)90029-9), which
sees every source that the count of Gaussian directions sees.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from identifiability.independence import Dependence, dependence

_SWEEPS = 10
_ANGLES = np.linspace(-np.pi / 4, np.pi / 4, 65)  # the contrast of a pair has period pi/2
_AT_REST = 1e-4  # radians, below the sampling error 1/sqrt(n) of any n that is fitted


@dataclass(frozen=True, eq=False)
class Rotated:
    """A rotation (k, k) of white samples, how it was reached, and how dependent its sources are."""

    rotation: np.ndarray
    iterations: int
    settled: bool
    dependence: Dependence


def separated(
    white: np.ndarray,
    options: Mapping[str, Any],
    level: float,
    gaussians: int,
    *,
    independent: bool,
) -> Rotated:
    """FastICA's rotation, unless it found dependent sources or is blind to some of them.

    Parameters
    ----------
    white
        (n, k) of mean zero and identity covariance.
    options
        Of ``sklearn.decomposition.FastICA``.
    level
        Probability with which independent sources are found dependent.
    gaussians
        How many directions third and fourth cumulants do not tell from Gaussian.
    independent
        Whether there may be independent sources to look for; if not, FastICA's answer stands.
    """

    def judged(rotation: np.ndarray, iterations: int, settled: bool) -> Rotated:
        return Rotated(rotation, iterations, settled, dependence(white @ rotation.T, level))

    found = judged(*fastica(white, options))
    blind = _unseen(white @ found.rotation.T, options["fun"], level)
    if not independent:
        return found
    # Symmetric sources are left to FastICA: their cumulants have the larger error.
    if blind.sum() > max(1, gaussians) and _skewed(white @ found.rotation[blind].T, level):
        # FastICA's part of the answer, and cumulants' of the rest.
        inner, sweeps, settled = cumulant_rotation(white @ found.rotation[blind].T)
        rotation = found.rotation.copy()
        rotation[blind] = inner @ rotation[blind]
        found = judged(rotation, found.iterations + sweeps, settled)
        again = judged(*fastica(white, options, rotation))
        blind = _unseen(white @ again.rotation.T, options["fun"], level)
        sees = blind.sum() <= max(1, gaussians)
        if sees and again.settled and not again.dependence.found:
            found = again  # it had only stopped where it does not see
    if not found.dependence.found:
        return found
    start, sweeps, settled = cumulant_rotation(white @ found.rotation.T)
    start = start @ found.rotation
    again = judged(*fastica(white, options, start))
    if not again.dependence.found:
        return again
    others = (found, again, judged(start, sweeps, settled))
    return min(others, key=lambda one: one.dependence.excess)


def _skewed(sources: np.ndarray, level: float) -> bool:
    """Whether some source has a third moment beyond its standard error times a normal quantile."""
    cubes = sources**3
    error = cubes.std(axis=0) / np.sqrt(len(cubes))
    return bool(np.any(np.abs(cubes.mean(axis=0)) > norm.isf(level / 2) * error))


def _unseen(sources: np.ndarray, fun: Any, level: float) -> np.ndarray:
    """(k,) where tau is within its standard error, times a normal quantile, of zero."""
    if callable(fun):
        parts: list[Any] = [
            fun(source) for source in sources.T
        ]  # scikit-learn: g, and the mean of g'
        value = np.stack([np.asarray(part[0]) for part in parts], axis=1)
        slope = np.array([float(np.mean(part[1])) for part in parts])
    elif fun == "logcosh":
        value = np.tanh(sources)
        slope = 1 - value**2
    elif fun == "exp":
        bell = np.exp(-(sources**2) / 2)
        value, slope = sources * bell, (1 - sources**2) * bell
    else:
        value, slope = sources**3, 3 * sources**2
    terms = sources * value - slope
    error = terms.std(axis=0) / np.sqrt(len(sources))
    return np.abs(terms.mean(axis=0)) <= norm.isf(level / 2) * error


def fastica(
    white: np.ndarray, options: Mapping[str, Any], start: np.ndarray | None = None
) -> tuple[np.ndarray, int, bool]:
    """FastICA's rotation (k, k) of white samples, its iterations, whether it converged."""
    model = FastICA(whiten=False, w_init=start, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(white)
    failed = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    for other in caught:
        if other not in failed:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return model.components_, int(model.n_iter_), not failed


def cumulant_rotation(white: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """Rotation (k, k) that maximises negentropy to fourth order, pair by pair; sweeps; at rest?"""
    turned = white.copy()
    rotation = np.eye(white.shape[1])
    for sweep in range(1, _SWEEPS + 1):
        largest = 0.0
        for pair in combinations(range(white.shape[1]), 2):
            angle = _best_turn(*turned[:, pair].T)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            chosen = list(pair)
            turned[:, chosen] = turned[:, chosen] @ turn.T
            rotation[chosen] = turn @ rotation[chosen]
            largest = max(largest, abs(angle))
        if largest <= _AT_REST:
            return rotation, sweep, True
    return rotation, _SWEEPS, False


def _best_turn(x: np.ndarray, y: np.ndarray) -> float:
    xx, xy, yy = x * x, x * y, y * y
    third = [float(a @ b) / len(x) for a, b in ((xx, x), (xx, y), (x, yy), (yy, y))]
    fourth = [float(a @ b) / len(x) for a, b in ((xx, xx), (xx, xy), (xx, yy), (xy, yy), (yy, yy))]
    fourth[0], fourth[2], fourth[4] = fourth[0] - 3, fourth[2] - 1, fourth[4] - 3

    def negentropy(angle: Any) -> Any:
        c, s = np.cos(angle), np.sin(angle)
        total = 0.0
        for a, b in ((c, s), (-s, c)):
            gamma = sum(
                m * w * a ** (3 - i) * b**i
                for i, (m, w) in enumerate(zip(third, (1, 3, 3, 1), strict=True))
            )
            kappa = sum(
                m * w * a ** (4 - i) * b**i
                for i, (m, w) in enumerate(zip(fourth, (1, 4, 6, 4, 1), strict=True))
            )
            total = total + gamma**2 / 12 + kappa**2 / 48
        return total

    best = float(_ANGLES[int(np.argmax(negentropy(_ANGLES)))])
    width = float(_ANGLES[1] - _ANGLES[0])
    found = minimize_scalar(
        lambda angle: -negentropy(angle),
        bounds=(best - width, best + width),
        method="bounded",
        options={"xatol": _AT_REST / 10},
    )
    return float(found.x)

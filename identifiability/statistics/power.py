"""Power of the paired t test and of TOST, and the number of clusters that a power needs."""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real

import numpy as np
from scipy.special import chdtri, gammaln, ndtr, stdtrit

from identifiability.errors import InvalidInput

NODES = 200
MOST_CLUSTERS = 10_000_000


def power(
    n: int,
    *,
    deviation: float,
    difference: float = 0.0,
    margin: float | None = None,
    alpha: float = 0.05,
) -> float:
    """Probability of the finding hoped for, from n independent normal paired differences.

    Parameters
    ----------
    n
        Clusters, at least 2.
    deviation
        Standard deviation of the paired differences between clusters.
    difference
        True mean difference, in the same unit.
    margin
        With a margin: that TOST at level alpha declares the mean to be within it. Without: that a
        two-sided t test at level alpha finds the difference.

    Raises
    ------
    InvalidInput
        If n is below 2, alpha outside (0, 1), for TOST (0, 0.5), or deviation or margin not
        positive and finite.

    Notes
    -----
    Given the sample's deviation s both findings have normal probabilities, averaged here over the
    law of s by Gauss--Legendre quadrature. For TOST that is exact at every n, where the usual
    difference of two noncentral t probabilities goes negative; for the t test it is the noncentral
    t distribution, which scipy 1.17 returns as NaN or 0 far in its lower tail.
    """
    _check(deviation, difference, margin, alpha)
    if not isinstance(n, Integral) or n < 2:
        raise InvalidInput(f"power needs at least 2 clusters, got {n}; add prompts")
    centre = difference * np.sqrt(n) / deviation
    spread, weights = _spread(n - 1)
    if margin is None:
        critical = stdtrit(n - 1, 1 - alpha / 2)
        found = ndtr(centre - critical * spread) + ndtr(-centre - critical * spread)
        return min(1.0, float(weights @ found))  # the weights sum to 1 but for rounding
    edge, critical = margin * np.sqrt(n) / deviation, stdtrit(n - 1, 1 - alpha)
    # Beyond this spread no mean is declared equivalent; the kink there is kept off the nodes.
    spread, weights = _spread(n - 1, most=edge / critical)
    reach = edge - critical * spread
    return min(1.0, float(weights @ (ndtr(reach - centre) - ndtr(-reach - centre))))


def samples_needed(
    *,
    deviation: float,
    difference: float = 0.0,
    margin: float | None = None,
    target: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Fewest clusters with which ``power`` is at least ``target``.

    Raises
    ------
    InvalidInput
        As for ``power``; or if no number is enough: a difference of 0 to be found, or one that is
        not inside the margin.
    """
    _check(deviation, difference, margin, alpha)
    if not alpha < target < 1:
        raise InvalidInput(f"target power must be between alpha = {alpha:g} and 1, got {target:g}")
    if margin is None and difference == 0:
        raise InvalidInput("a difference of 0 is never found; give the smallest that matters")
    if margin is not None and abs(difference) >= margin:
        raise InvalidInput(
            f"a difference of {difference:g} is not inside the margin {margin:g}; "
            "no number of clusters shows equivalence there"
        )

    def enough(n: int) -> bool:
        reached = power(n, deviation=deviation, difference=difference, margin=margin, alpha=alpha)
        return reached >= target

    many = 2
    while not enough(many):
        many *= 2
        if many > MOST_CLUSTERS:
            raise InvalidInput(f"more than {MOST_CLUSTERS} clusters needed; widen the margin")
    few = many // 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _check(deviation: float, difference: float, margin: float | None, alpha: float) -> None:
    if not isinstance(deviation, Real) or not 0 < deviation < np.inf:
        raise InvalidInput(
            f"deviation must be positive and finite, got {deviation}; give that between clusters"
        )
    if not isinstance(difference, Real) or not np.isfinite(difference):
        raise InvalidInput(f"difference must be finite, got {difference}; 0 is none")
    if margin is not None and (not isinstance(margin, Real) or not 0 < margin < np.inf):
        raise InvalidInput(f"margin must be positive and finite, got {margin}; None is none")
    most = 1.0 if margin is None else 0.5
    if not isinstance(alpha, Real) or not 0 < alpha < most:
        raise InvalidInput(f"alpha must be between 0 and {most:g}, got {alpha}; 0.05 is usual")


def _spread(degrees: int, most: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Values of s/deviation, chi with ``degrees`` of freedom over its square root, with weights.

    Gauss--Legendre nodes between the extremes that no sample reaches, times the density.
    """
    ends = np.sqrt(chdtri(degrees, np.array([1 - 1e-15, 1e-17])) / degrees)
    first, last = ends[0], max(ends[0], min(ends[1], most))
    nodes, weights = _gauss_legendre()
    spread = first + (last - first) * nodes
    half = degrees / 2
    log_density = (
        np.log(2)
        + half * np.log(half)
        - gammaln(half)
        + (degrees - 1) * np.log(spread)
        - half * spread**2
    )
    return spread, (last - first) * weights * np.exp(log_density)


@cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2

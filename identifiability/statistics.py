"""Intervals for statistics of clustered data: prompts are the clusters, never tokens or samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from identifiability.errors import InvalidInput

Statistic = Callable[..., np.ndarray]
"""Maps arrays (R, n, ...), one for each set of clusters, to R values. An array may come with R = 1
beside others with more, to be broadcast."""


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval beside the estimate it belongs to.

    Its upper end is also a one-sided bound of level (1 + level)/2.
    """

    estimate: float
    low: float
    high: float
    level: float
    resamples: int


def cluster_bootstrap(
    statistic: Statistic,
    samples: Sequence[np.ndarray],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Bias-corrected and accelerated bootstrap over clusters (Efron 1987, doi:10.2307/2289144).

    Parameters
    ----------
    statistic
        Vectorised over a leading axis of resamples: ``lambda x: x.mean(axis=1)``.
    samples
        One array for each independent set of clusters, clusters along the first axis. Rows stay
        whole: quantities measured on the same prompt belong in one array, in several columns.
    rng, resamples, level
        Source of randomness, number of bootstrap resamples, nominal two-sided coverage.

    Raises
    ------
    InvalidInput
        If a sample has fewer than two clusters, or values that are not finite.

    Notes
    -----
    The level is nominal. With a handful of clusters the coverage of skewed means falls short of it:
    for the mean of 12 lognormal values (sigma 1) the upper end of a 95 % interval, nominally missed
    by 2.5 % of samples, was missed by 16 % of 400.
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    for array in arrays:
        if array.ndim == 0 or len(array) < 2:
            raise InvalidInput(
                f"a bootstrap needs at least two clusters, got {array.shape}; add prompts"
            )
        if not np.isfinite(array).all():
            raise InvalidInput("bootstrap samples must be finite; leave out what was not measured")
    whole = [array[None] for array in arrays]
    estimate = float(statistic(*whole)[0])
    drawn = [array[rng.integers(0, len(array), (resamples, len(array)))] for array in arrays]
    draws = statistic(*drawn)
    tail = (1 - level) / 2
    low, high = np.quantile(draws, _corrected_levels(statistic, whole, draws, estimate, tail))
    return Interval(estimate, float(low), float(high), level, resamples)


def _corrected_levels(
    statistic: Statistic,
    whole: list[np.ndarray],
    draws: np.ndarray,
    estimate: float,
    tail: float,
) -> np.ndarray:
    """Quantile levels after correction for median bias and acceleration."""
    below = np.mean((draws < estimate) + 0.5 * (draws == estimate))
    if below in (0.0, 1.0) or np.ptp(draws) == 0:
        # A constant statistic has no bias to correct.
        return np.array([tail, 1 - tail])
    bias = ndtri(below)
    acceleration = _acceleration(statistic, whole)
    normal = bias + ndtri(np.array([tail, 1 - tail]))
    return ndtr(bias + normal / (1 - acceleration * normal))


def _acceleration(statistic: Statistic, whole: list[np.ndarray]) -> float:
    """Skewness of the influence of clusters, by the jackknife over every set of clusters."""
    cubes = squares = 0.0
    for i, array in enumerate(whole):
        size = array.shape[1]
        others = np.array([np.delete(np.arange(size), j) for j in range(size)])
        left_out = statistic(*whole[:i], array[0][others], *whole[i + 1 :])
        influence = (size - 1) * (left_out.mean() - left_out)
        cubes += float(np.sum(influence**3)) / size**3
        squares += float(np.sum(influence**2)) / size**2
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0

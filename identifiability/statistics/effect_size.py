"""The effect of an arm over its baseline: paired differences, plain and standardised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.statistics.bootstrap import cluster_bootstrap
from identifiability.statistics.clusters import paired_means
from identifiability.statistics.interval import Interval


@dataclass(frozen=True)
class EffectSize:
    """Effect of an arm over its baseline on the same clusters.

    Parameters
    ----------
    difference
        Mean of the paired differences, in the unit of the scores.
    standardised
        Cohen's d of cluster means: that difference over the root mean square of the two arms'
        standard deviations between clusters. None where neither arm varies, and for two clusters,
        of which the jackknife leaves one, without a deviation.
    n
        Clusters.
    """

    difference: Interval
    standardised: Interval | None
    n: int


def effect_size(
    arm: Sequence[float] | np.ndarray,
    baseline: Sequence[float] | np.ndarray,
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> EffectSize:
    """Effect of an arm over its baseline, paired by cluster, with bootstrap intervals.

    Parameters
    ----------
    arm, baseline
        (n,) or (n, samples) scores on the same n clusters in the same order; samples of a cluster
        are averaged, so that 20 prompts of 5 samples are 20 clusters.
    rng, resamples, level
        As for ``cluster_bootstrap``.

    Raises
    ------
    InvalidInput
        If the arms do not match cluster by cluster, or a score is not finite.
    """
    pairs = np.stack(paired_means(arm=arm, baseline=baseline), axis=1)
    options = {"rng": rng, "resamples": resamples, "level": level}
    difference = cluster_bootstrap(
        lambda x: (x[..., 0] - x[..., 1]).mean(axis=1), [pairs], **options
    )
    standardised = None
    if len(pairs) > 2 and np.ptp(pairs, axis=0).any():
        standardised = cluster_bootstrap(_cohens_d, [pairs], **options)
    return EffectSize(difference, standardised, len(pairs))


def _cohens_d(pairs: np.ndarray) -> np.ndarray:
    """(R, n, 2) -> (R,); a resample in which neither arm varies has no d, and is counted as 0."""
    difference = (pairs[..., 0] - pairs[..., 1]).mean(axis=1)
    spread = np.sqrt(pairs.var(axis=1, ddof=1).mean(axis=1))
    return np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)

"""Intervals for statistics that a bootstrap would spoil: every cluster once, or left out.

A bootstrap repeats clusters. Where a statistic takes two clusters to be independent, such as a
reliability or an agreement of halves, a repeated cluster agrees with itself and counts as free of
noise. The jackknife never repeats one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from identifiability.statistics import Interval
from identifiability.statistics.bootstrap import Statistic, jackknife_errors

LEVEL = 0.95


def jackknife_interval(statistic: Statistic, samples: Sequence[np.ndarray]) -> Interval:
    """t interval from leaving out one cluster at a time.

    Parameters
    ----------
    statistic
        Maps arrays (1, n, ...), one for each independent set of clusters, to (1,).
    samples
        Those arrays without their leading axis.
    """
    whole = [np.asarray(sample, dtype=np.float64)[None] for sample in samples]
    estimate = float(statistic(*whole)[0])
    error = float(jackknife_errors(statistic, whole)[0])
    return t_interval(estimate, error, min(sample.shape[1] for sample in whole) - 1)


def t_interval(estimate: float, error: float, freedom: int) -> Interval:
    """The t interval; beyond its ends half the degrees, as ``cluster_bootstrap`` takes."""
    reach = float(t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Interval(estimate, estimate - reach, estimate + reach, LEVEL, 0, freedom / 2)

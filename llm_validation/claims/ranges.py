"""Values beside a verdict that comes from no interval: ranges of exact ones, and shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from identifiability.statistics import Interval


def spread(values: ArrayLike, estimate: float) -> Interval:
    """The least and the largest of what was measured: a range, which has no level.

    Parameters
    ----------
    values
        Any shape, not empty.
    estimate
        Which of them, or which mean of theirs, the row is about.
    """
    found = np.asarray(values, dtype=float)
    return Interval(float(estimate), float(found.min()), float(found.max()), 1.0, 0)


def share_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """A share of n independent trials, by Clopper & Pearson (doi:10.1093/biomet/26.4.404)."""
    from scipy.stats import binomtest

    ends = binomtest(successes, n).proportion_ci(level, method="exact")
    return Interval(successes / n, float(ends.low), float(ends.high), level, 0)

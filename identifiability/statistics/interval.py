"""An estimate with its confidence interval, and the one-sided p-values that belong to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri, stdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval beside the estimate it belongs to.

    Its upper end is also a one-sided bound of level (1 + level)/2, and so is its lower.

    Parameters
    ----------
    estimate, low, high, level, resamples
        The interval, its nominal coverage, and how many resamples it rests on.
    degrees
        Degrees of freedom of the t distribution that carries p-values beyond the interval's level;
        infinite for the normal.
    positive
        The quantity cannot be negative: distances above the estimate are counted on the log scale.

    Notes
    -----
    Each side has a t distribution scaled to put (1 - level)/2 beyond that side's end. So p-values
    and ends never disagree, and p-values may be far below 1/resamples; there they lean on the shape
    of the t distribution (measured in docs/calibration.md).
    """

    estimate: float
    low: float
    high: float
    level: float
    resamples: int
    degrees: float = math.inf
    positive: bool = False

    @property
    def tail(self) -> float:
        """Nominal probability of missing the truth on one side."""
        return (1 - self.level) / 2

    def p_at_least(self, limit: float) -> float:
        """One-sided p of the null "the quantity is at least ``limit``"; small: it is below.

        At most ``tail`` if and only if ``high <= limit``.
        """
        return self._p(self._steps_above(limit), beyond=self.high <= limit)

    def p_at_most(self, limit: float) -> float:
        """One-sided p of the null "the quantity is at most ``limit``"; small: it is above.

        At most ``tail`` if and only if ``low >= limit``.
        """
        return self._p(self._steps_below(limit), beyond=self.low >= limit)

    def _steps_above(self, limit: float) -> float:
        """Distance from the estimate up to ``limit``, 1 at the upper end."""
        if self.positive and self.estimate > 0:
            if limit <= 0:
                return -math.inf
            return _share(math.log(limit / self.estimate), math.log(self.high / self.estimate))
        return _share(limit - self.estimate, self.high - self.estimate)

    def _steps_below(self, limit: float) -> float:
        """Distance from the estimate down to ``limit``, 1 at the lower end."""
        if self.positive and limit < 0:
            return math.inf
        return _share(self.estimate - limit, self.estimate - self.low)

    def _p(self, steps: float, *, beyond: bool) -> float:
        if math.isinf(self.degrees):
            p = float(ndtr(-steps * ndtri(1 - self.tail)))
        else:
            p = float(stdtr(self.degrees, -steps * stdtrit(self.degrees, 1 - self.tail)))
        # Rounding must not part a p-value from its end.
        return min(p, self.tail) if beyond else max(p, math.nextafter(self.tail, 1))


def _share(distance: float, reach: float) -> float:
    """``distance / reach``, where an end may be at the estimate itself or infinitely far."""
    if math.isinf(reach):
        return 0.0
    if reach == 0:
        return math.inf if distance >= 0 else -math.inf
    return distance / reach

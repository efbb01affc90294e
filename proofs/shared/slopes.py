"""Orders of vanishing, read off as slopes on log-log axes, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identifiability.errors import InvalidInput

# Deviations below this share of the outputs would drown in float64's rounding (1e-16).
_SMALLEST_DEVIATION = 1e-10


@dataclass(frozen=True)
class Slope:
    """Slope of log(deviation) against log(size), with a confidence interval."""

    value: float
    low: float
    high: float

    def farthest_from(self, order: float) -> float:
        """Distance from ``order`` to the far end of the interval: small only if all of it is near.

        An equivalence test: a wide interval that happens to cover ``order`` does not pass.
        """
        return max(abs(self.low - order), abs(self.high - order))


def sizes_for(order: float, count: int = 9) -> np.ndarray:
    """A decade of sizes t on which t**order stays well above rounding and t itself is small."""
    smallest = _SMALLEST_DEVIATION ** (1 / order)
    return np.geomspace(smallest, 10 * smallest, count)


def log_log_slope(sizes: np.ndarray, deviations: np.ndarray, confidence: float = 0.95) -> Slope:
    """Least-squares slope and its Student interval.

    Raises
    ------
    InvalidInput
        For fewer than three sizes, or a size or deviation that is not positive and finite.
    """
    from scipy.special import stdtrit

    x, y = np.asarray(sizes, float), np.asarray(deviations, float)
    if x.size < 3 or x.shape != y.shape:
        raise InvalidInput(f"a slope needs three pairs or more, got {x.shape} and {y.shape}")
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise InvalidInput("sizes and deviations must be > 0 and finite; zero has no logarithm")
    x, y = np.log(x) - np.log(x).mean(), np.log(y) - np.log(y).mean()
    slope = float(x @ y / (x @ x))
    free = x.size - 2
    error = np.sqrt(np.sum((y - slope * x) ** 2) / free / (x @ x))
    half = float(stdtrit(free, (1 + confidence) / 2) * error)
    return Slope(slope, slope - half, slope + half)

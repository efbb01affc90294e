"""Fieller's limits for a ratio of two means measured on the same clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairedRatio:
    """Means of an arm and a reference over the same clusters, with their covariance.

    A ratio r is compared with the data through the contrast ``arm - r * reference``, whose mean is
    0 at the truth and whose error needs no linearisation: for normal clusters the t test of it is
    exact, however uncertain the reference (Fieller 1954).
    """

    arm: float
    reference: float
    variance_arm: float
    covariance: float
    variance_reference: float

    @classmethod
    def of(cls, arm: np.ndarray, reference: np.ndarray) -> PairedRatio:
        """From (n,) effects of each; variances are those of the means."""
        covariance = np.cov(arm, reference) / len(arm)
        return cls(
            float(arm.mean()),
            float(reference.mean()),
            float(covariance[0, 0]),
            float(covariance[0, 1]),
            float(covariance[1, 1]),
        )

    def studentised(self, ratio: float) -> float:
        """Distance of ``ratio`` above the estimate, in standard errors of its own contrast."""
        sign = math.copysign(1.0, self.reference)
        if math.isinf(ratio):
            distance, variance = math.copysign(abs(self.reference), ratio), self.variance_reference
        else:
            distance = sign * (ratio * self.reference - self.arm)
            variance = (
                self.variance_arm - 2 * ratio * self.covariance + ratio**2 * self.variance_reference
            )
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    def limits(self, below: float, above: float) -> tuple[float, float]:
        """Ratios at ``below`` standard errors under and ``above`` over the estimate.

        An end is infinite where the reference is not that many errors away from 0: then no ratio,
        however large, is refused on that side.
        """
        return self._root(below, -1.0), self._root(above, 1.0)

    def _root(self, errors: float, side: float) -> float:
        """Solves (arm - r reference)^2 = errors^2 variance(r) for r on one side of the estimate."""
        square = errors**2
        a = self.reference**2 - square * self.variance_reference
        if a <= 0:
            return side * math.inf
        half_b = self.arm * self.reference - square * self.covariance
        c = self.arm**2 - square * self.variance_arm
        # Cannot be negative where a > 0, but for rounding.
        return (half_b + side * math.sqrt(max(half_b**2 - a * c, 0.0))) / a

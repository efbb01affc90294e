"""The ratio of two effects over the same baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.statistics.bootstrap import cluster_bootstrap, studentise
from identifiability.statistics.clusters import paired_means
from identifiability.statistics.fieller import PairedRatio
from identifiability.statistics.interval import Interval


class NoReferenceEffect(InvalidInput):
    """A ratio was asked for whose denominator cannot be told from 0."""


@dataclass(frozen=True, kw_only=True)
class RatioInterval(Interval):
    """An interval of a ratio of effects; its p-values are those of Fieller's contrasts.

    ``below`` and ``above`` are the critical values of the ends, in errors of the contrast.
    """

    ratio: PairedRatio
    below: float
    above: float

    def _steps_above(self, limit: float) -> float:
        return self.ratio.studentised(limit) / self.above

    def _steps_below(self, limit: float) -> float:
        return -self.ratio.studentised(limit) / self.below


def effect_ratio(
    arm: Sequence[float] | np.ndarray,
    reference: Sequence[float] | np.ndarray,
    baseline: Sequence[float] | np.ndarray,
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> RatioInterval:
    """Mean effect of an arm relative to the reference's, both less the unsteered baseline.

    Parameters
    ----------
    arm, reference, baseline
        (n,) or (n, samples) scores on the same n clusters in the same order.
    rng, resamples, level
        As for ``cluster_bootstrap``.

    Returns
    -------
    RatioInterval
        Fieller's interval, critical values by the bootstrap of the studentised contrast
        ``arm - ratio * reference`` (Hwang 1995).

    Raises
    ------
    NoReferenceEffect
        If the interval of the reference's effect holds 0: no ratio to it is defined.
    InvalidInput
        If the arms do not match cluster by cluster, or a score is not finite.

    References
    ----------
    Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x; Hwang 1995, doi:10.1093/biomet/82.1.161.
    """
    arm, reference, baseline = paired_means(arm=arm, reference=reference, baseline=baseline)
    arm_effects, reference_effects = arm - baseline, reference - baseline
    options = {"rng": rng, "resamples": resamples, "level": level}
    denominator = cluster_bootstrap(_mean, [reference_effects], **options)
    if denominator.low <= 0 <= denominator.high:
        raise NoReferenceEffect(
            f"the reference's effect {denominator.estimate:.3g} "
            f"[{denominator.low:.3g}, {denominator.high:.3g}] cannot be told from 0, so no ratio "
            "to it is defined; add prompts or take a stronger reference"
        )
    ratio = PairedRatio.of(arm_effects, reference_effects)
    estimate = ratio.arm / ratio.reference
    contrast = np.copysign(1.0, ratio.reference) * (arm_effects - estimate * reference_effects)
    found = studentise(_mean, [contrast], **options)
    low, high = ratio.limits(found.below, found.above)
    return RatioInterval(
        estimate,
        low,
        high,
        level,
        resamples,
        found.degrees,
        ratio=ratio,
        below=found.below,
        above=found.above,
    )


def _mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=1)

"""Two one-sided tests (TOST): is a paired difference, or a ratio of effects, inside a margin?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.special import stdtr, stdtrit

from identifiability.errors import InvalidInput
from identifiability.statistics.clusters import cluster_means, paired_means
from identifiability.statistics.fieller import PairedRatio
from identifiability.statistics.power import power


@dataclass(frozen=True)
class Equivalence:
    """What two one-sided tests say.

    Parameters
    ----------
    p
        The larger of the one-sided p-values; small: the quantity is inside the margin.
    equivalent
        ``p < alpha``: shown to be inside. False is not "shown to differ".
    low, high
        The (1 - 2 alpha) interval; equivalent where it lies inside the margin.
    margin
        Largest difference that does not matter; for a ratio, its distance from 1.
    power
        Probability of showing equivalence if there were no difference at all, the deviations being
        those observed. Small, and ``equivalent`` false: underpowered, nothing learnt.
    n
        Clusters.
    """

    p: float
    equivalent: bool
    low: float
    high: float
    margin: float
    power: float
    n: int


def tost(
    differences: Sequence[float] | np.ndarray, margin: float, *, alpha: float = 0.05
) -> Equivalence:
    """Is the mean of paired differences within +- margin? (Schuirmann 1987)

    Parameters
    ----------
    differences
        (n,) or (n, samples), one row a cluster; samples of a cluster are averaged.
    margin
        Smallest difference that matters, in the same unit, set before looking.
    alpha
        Probability, at most, of declaring a difference of ``margin`` or more equivalent: so for
        normal cluster means; in docs/calibration.md also for differences of lognormals, but 9 to
        14 % of exponential differences (one long tail) at the margin were declared so at 5 %.

    Raises
    ------
    InvalidInput
        If there are fewer than two clusters, values that are not finite, a margin that is not
        positive and finite, or alpha outside (0, 0.5).

    References
    ----------
    Schuirmann 1987, doi:10.1007/BF01068419.
    """
    means = cluster_means("differences", differences)
    n, deviation = len(means), float(means.std(ddof=1))
    p = float(tost_p_values(means, margin))
    half_width = stdtrit(n - 1, 1 - _checked(alpha)) * deviation / np.sqrt(n)
    centre = float(means.mean())
    reached = 1.0 if deviation == 0 else power(n, deviation=deviation, margin=margin, alpha=alpha)
    return Equivalence(
        p,
        p < alpha,
        float(centre - half_width),
        float(centre + half_width),
        float(margin),
        reached,
        n,
    )


def tost_p_values(differences: np.ndarray, margin: float | np.ndarray) -> np.ndarray:
    """p-values of TOST for many samples at once: (..., n) differences, a margin for each sample."""
    limit = np.asarray(margin)
    if limit.dtype.kind not in "fiu" or not (np.isfinite(limit) & (limit > 0)).all():
        raise InvalidInput(f"margin must be positive and finite, got {margin}; set one")
    # The nearer edge is the larger of the two p-values.
    distance = limit - np.abs(differences.mean(axis=-1))
    return _upper_p(distance, differences)


def tost_ratio(
    arm_effects: Sequence[float] | np.ndarray,
    reference_effects: Sequence[float] | np.ndarray,
    *,
    fraction: float = 0.2,
    alpha: float = 0.05,
) -> Equivalence:
    """Is the arm's mean effect within a fraction of the reference's, |e_arm - e_ref| < f |e_ref|?

    The margin is a fraction of an unknown: the estimate of e_ref is not put in its place. With the
    sign of e_ref, both e_arm - (1 - f) e_ref and (1 + f) e_ref - e_arm must be shown positive by
    one-sided t tests on paired clusters, and e_ref to differ from 0 by a two-sided one.

    Parameters
    ----------
    arm_effects, reference_effects
        (n,) or (n, samples) baseline-subtracted effects on the same clusters.
    fraction
        f, in (0, 1), set before looking.
    alpha
        Probability, at most, of declaring an effect outside the margin equivalent, for normal
        cluster means.

    Returns
    -------
    Equivalence
        ``low`` and ``high`` are the (1 - 2 alpha) limits of e_arm/e_ref by Fieller's method,
        infinite where the data bound it on no side. ``power`` is a lower bound
        (1 minus the sum of the probabilities of missing each part).

    Raises
    ------
    InvalidInput
        If effects do not match cluster by cluster or are not finite, or fraction or alpha are out
        of range.

    References
    ----------
    Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x; Berger & Hsu 1996 (intersection-union
    tests), doi:10.1214/ss/1032280304.
    """
    if not isinstance(fraction, Real) or not 0 < fraction < 1:
        raise InvalidInput(f"fraction must be between 0 and 1, got {fraction}; 0.2 is usual")
    arm, reference = paired_means(arm_effects=arm_effects, reference_effects=reference_effects)
    n = len(arm)
    sign = 1.0 if reference.mean() >= 0 else -1.0
    contrasts = sign * np.stack(
        [arm - (1 - fraction) * reference, (1 + fraction) * reference - arm]
    )
    one_sided = _upper_p(contrasts.mean(axis=1), contrasts)
    reference_p = 2 * float(_upper_p(np.asarray(abs(reference.mean())), reference))
    p = min(1.0, max(float(one_sided.max()), reference_p))
    critical = float(stdtrit(n - 1, 1 - _checked(alpha)))
    low, high = PairedRatio.of(arm, reference).limits(critical, critical)
    effect = abs(float(reference.mean()))
    missed = sum(1 - _one_sided_power(fraction * effect, contrast, alpha) for contrast in contrasts)
    missed += 1 - _two_sided_power(effect, reference, alpha)
    return Equivalence(p, p < alpha, low, high, fraction, max(0.0, 1 - missed), n)


def _checked(alpha: float) -> float:
    if not isinstance(alpha, Real) or not 0 < alpha < 0.5:
        raise InvalidInput(f"alpha must be between 0 and 0.5, got {alpha}; 0.05 is usual")
    return alpha


def _upper_p(distance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One-sided p of the null that the mean is not ``distance`` above the edge: (..., n) -> (...).

    A sample without variation is at the edge (p = 1) or beyond doubt.
    """
    n = values.shape[-1]
    error = values.std(axis=-1, ddof=1) / np.sqrt(n)
    beyond = np.where(distance > 0, np.inf, -np.inf)
    return stdtr(n - 1, -np.divide(distance, error, out=beyond, where=error > 0))


def _one_sided_power(effect: float, values: np.ndarray, alpha: float) -> float:
    """Of a one-sided test at alpha: a two-sided one at 2 alpha, whose wrong side is negligible."""
    return _two_sided_power(effect, values, 2 * alpha)


def _two_sided_power(effect: float, values: np.ndarray, alpha: float) -> float:
    deviation = float(values.std(ddof=1))
    if deviation == 0:
        return float(effect > 0)
    return power(len(values), deviation=deviation, difference=effect, alpha=alpha)

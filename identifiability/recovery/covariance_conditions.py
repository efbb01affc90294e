"""What second-order recovery checks before it reports a column, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.joint_diagonalisation import JointDiagonalisation
from identifiability.variance_profiles import DesignEffects
from identifiability.verdict import Condition, Prediction

_SAMPLES_FOR_EACH = 10


def converged(found: JointDiagonalisation) -> Condition:
    """Whether the minimum was reached."""
    return Condition(
        "converged",
        "the diagonalisation reached a stationary point",
        holds=found.converged,
        statistic=found.gradient,
        threshold=found.tolerance,
        reason="far below the sampling error 1/sqrt(n) of correlations",
    )


def common_diagonaliser(
    found: JointDiagonalisation, sizes: np.ndarray, effects: DesignEffects, level: float
) -> Condition:
    """Likelihood ratio of A Lambda_e A^T against unrestricted covariances."""
    from scipy.stats import chi2

    width, count = found.profiles.shape
    freedom = (count - 2) * width * (width - 1) // 2
    statement = "one basis diagonalises the covariances of all environments"
    if width == 1:
        return Condition("common diagonaliser", statement, True, reason="one column is its own")
    if freedom == 0:
        return Condition(
            "common diagonaliser",
            statement,
            holds=None,
            reason=(
                "two positive definite matrices always have one, so that neither correlated "
                "sources nor a mixing that changes would show: an assumption; add an environment"
            ),
            decided_by="assumption",
            assumed=True,
        )
    # Bartlett's (1954) correction of a test of independence, at the smallest environment.
    bartlett = 1 - (2 * width + 5) / (6 * sizes.min())
    ratio = 2 * sizes.sum() * found.divergence * max(bartlett, 0.0) / max(effects.mean_across, 1.0)
    threshold = float(chi2.isf(level, freedom))
    return Condition(
        "common diagonaliser",
        statement,
        holds=bool(ratio <= threshold),
        assumed=bool(ratio <= threshold),  # not rejected is not shown: the power is unknown
        statistic=float(ratio),
        threshold=threshold,
        reason=(
            f"a right model exceeds this chi-square quantile ({freedom} degrees of freedom) with "
            f"probability {level} (cf. Flury 1984, doi:10.2307/2288721); a wrong one may stay "
            "below it where samples are few"
        ),
        decided_by="likelihood ratio",
    )


def enough_samples(states: Sequence[np.ndarray], labels: Sequence[np.ndarray] | None) -> Condition:
    """Whether the law of separations for large n can be relied on."""
    counts = [len(x) for x in states]
    if labels is not None:
        counts = [len(np.unique(label)) for label in labels]
    needed = _SAMPLES_FOR_EACH * states[0].shape[1]
    return Condition(
        "enough samples",
        f"every environment has {_SAMPLES_FOR_EACH} independent samples or more for each column",
        holds=True if min(counts) >= needed else None,
        statistic=float(min(counts)),
        threshold=float(needed),
        reason=(
            "intervals hold to first order in 1/sqrt(n): for two Gaussian columns and a stated 0.1 "
            "% they fail in 2.7 % of draws at n = 4, in 0.4 % at 8, and no more than stated at 20"
        ),
    )


def distinct_profiles(separation: np.ndarray, error: np.ndarray, margin: float) -> Condition:
    """The smallest separation (of (d, d)) with its interval, against the margin."""
    upper = np.triu_indices(len(separation), 1)
    statement = "no two variance profiles are proportional"
    if len(upper[0]) == 0:
        return Condition(
            "distinct profiles", statement, True, reason="one column has none to be mixed with"
        )
    values, errors = separation[upper], error[upper]
    low, high = max(0.0, float((values - errors).min())), float((values + errors).min())
    return Condition(
        "distinct profiles",
        statement + ", but for less than the margin",
        holds=True if low > margin else False if high < margin else None,
        statistic=float(values.min()),
        threshold=margin,
        reason=(
            "below the margin two profiles count as one: the pair's columns are turned by about "
            "(standard error of a log ratio)/separation (theory.md R3b)"
        ),
        interval=(low, high),
        decided_by="interval that holds for all pairs together",
    )


def prediction(
    conditions: Sequence[Condition], separation: np.ndarray, error: np.ndarray, margin: float
) -> Prediction:
    """Which columns come back, from the five conditions in order and all pairs' separations."""
    _, shared, reached, distinct, enough = conditions
    everything = (tuple(range(len(separation))),)
    if reached.holds is False:
        return Prediction(None, "undecided: the diagonalisation did not converge", everything)
    if shared.holds is False:
        return Prediction(
            False,
            "no basis diagonalises all covariances: sources are correlated or the mixing changes",
            everything,
        )
    if not enough.holds:
        return Prediction(None, "undecided: too few samples", everything)
    if distinct.holds:
        return Prediction(True)
    groups = components(separation - error <= margin)
    same = components(separation + error < margin)
    if distinct.holds is None:
        return Prediction(None, f"undecided: rotation within columns {_words(groups)}", groups)
    mode = f"rotation within columns {_words(same)}"
    if groups != same:
        mode += f"; undecided within {_words(groups)}"
    return Prediction(False, mode, groups)


def components(linked: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more that are linked directly or through others."""
    from scipy.sparse.csgraph import connected_components

    count, labels = connected_components(linked, directed=False)
    groups = (tuple(int(i) for i in np.flatnonzero(labels == k)) for k in range(count))
    return tuple(group for group in groups if len(group) > 1)


def _words(groups: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(group) for group in groups)

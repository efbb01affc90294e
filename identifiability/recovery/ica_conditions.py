"""What ICA needs, checked on whitened states before estimating, and what is read off afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.independence import Dependence, cumulant_gap, skewness_gap
from identifiability.nongaussianity import GaussianDirections
from identifiability.verdict import (
    Certificate,
    CertificateKind,
    Condition,
    Prediction,
    Report,
    Verdict,
    Witness,
)

# Below ten samples for each of the k(k + 1)/2 contracted fourth cumulants their matrix is not near
# the law that holds for large n, whatever the sources: ten is the usual least for a mean.
_SAMPLES_FOR_EACH = 10


def spanned(size: int, kept: float) -> Condition:
    """Whether the states span no more than the k dimensions in which sources are looked for."""
    return Condition(
        "full rank",
        f"the states span {size} dimensions, so that A is square there",
        holds=True if kept == 1.0 else None,
        statistic=kept,
        threshold=1.0,
        reason=(
            "share of the variance in the components kept; what is dropped mixes with them unless "
            "it is noise of equal variance in every direction"
        ),
        decided_by="singular values of the states",
    )


def enough_samples(count: int, size: int) -> Condition:
    """Whether the laws for large n that the other conditions use can be relied on."""
    needed = _SAMPLES_FOR_EACH * size * (size + 1) / 2
    return Condition(
        "enough samples",
        f"n is at least {_SAMPLES_FOR_EACH} times the k(k + 1)/2 numbers the count is read from",
        holds=True if count >= needed else None,
        statistic=float(count),
        threshold=float(needed),
        reason="with fewer, sample cumulants are far from the law that they have for large n",
    )


def distinct_samples(states: np.ndarray) -> Condition:
    """Whether no state is a copy of another; where some are, only the user knows what they are."""
    copies = len(states) - len(np.unique(states, axis=0))
    return Condition(
        "distinct samples",
        "equal states are draws of their own (of a discrete law) and no copies",
        holds=True if copies == 0 else None,
        statistic=float(copies),
        threshold=0.0,
        reason="every state counts as a sample; pass no state twice",
        decided_by="" if copies == 0 else "assumption",
        assumed=copies > 0,
    )


def independent_before(white: np.ndarray, level: float) -> Condition:
    """Third and fourth cumulants against an identity that independence implies in any rotation."""
    gaps = {"third": skewness_gap(white), "fourth": cumulant_gap(white)}
    limits = {order: gap.limit(level / 2) for order, gap in gaps.items()}

    def excess(order: str) -> float:
        return abs(gaps[order].value) / limits[order] if limits[order] > 0 else 0.0

    worse = max(gaps, key=excess)
    gap, slack = gaps[worse], limits[worse]
    return Condition(
        "independent sources",
        "third and fourth cumulants are diagonal in some rotation (necessary, not sufficient)",
        holds=excess(worse) <= 1,
        statistic=gap.value,
        threshold=slack,
        reason=(
            f"sum of squared {worse} cumulants less that of their contraction is 0 under "
            "independence; an estimate of this or of the other order beyond the threshold has "
            f"probability {level:g} for large n"
        ),
        interval=(gap.value - slack, gap.value + slack),
        decided_by="U-statistics in third and fourth Hermite tensors",
    )


def at_most_one_gaussian(
    gaussian: GaussianDirections, count: int, negligible_kurtosis: float
) -> Condition:
    """The count of Gaussian directions, and whether n samples could have shown otherwise."""
    several = gaussian.count > 1
    resolved = gaussian.resolution <= negligible_kurtosis
    reason = "Gaussian sources turn among themselves (Darmois-Skitovich)"
    if several:
        needed = int(np.ceil(count * (gaussian.resolution / negligible_kurtosis) ** 2))
        reason += (
            f"; here an excess kurtosis of {gaussian.resolution:.2g} would have been seen, "
            f"and about {needed} samples would show {negligible_kurtosis:g}"
        )
    return Condition(
        "at most one Gaussian",
        "third and fourth cumulants of all directions but one differ from those of a Gaussian",
        holds=(False if resolved else None) if several else True,
        statistic=float(gaussian.count),
        threshold=1.0,
        reason=reason,
        interval=(float(gaussian.count) if several and resolved else 0.0, float(gaussian.count)),
        decided_by="sequential tests of negentropy to fourth order",
    )


def verdict_before(conditions: Sequence[Condition], gaussian: GaussianDirections) -> Prediction:
    """What the conditions say that the rotation will be."""
    by_name = {condition.name: condition.holds for condition in conditions}
    width = len(gaussian.negentropy)
    block = tuple(range(width - gaussian.count, width))
    if by_name["enough samples"] is None:
        return Prediction(None, "undecided: too few samples")
    if by_name["independent sources"] is False:
        return Prediction(False, "the sources are not independent, so R1 singles out no rotation")
    if by_name["full rank"] is None:
        return Prediction(None, "undecided: the states span more dimensions than were kept")
    if by_name["at most one Gaussian"] is None:
        words = f"undecided: {len(block)} directions are near-Gaussian at this n"
        return Prediction(None, words, (block,))
    if by_name["at most one Gaussian"] is False:
        words = f"a rotation among {len(block)} of {width} components, Gaussian to fourth order"
        return Prediction(False, words, (block,))
    return Prediction(True)


def converged(settled: bool, iterations: int, most: int) -> Condition:
    """FastICA's own word on its iteration; it says nothing about identifiability."""
    return Condition(
        "converged",
        "the fixed-point iteration of FastICA came to rest (after estimating)",
        holds=settled,
        statistic=float(iterations),
        threshold=float(most),
        reason="raise max_iter or tol where this fails and all else holds",
        decided_by="scikit-learn's ConvergenceWarning",
    )


def independent_after(found: Dependence, level: float) -> Condition:
    """The most dependent pair of recovered sources."""
    return Condition(
        "independent estimates",
        "recovered sources share neither size nor skewness (after estimating)",
        holds=not found.found,
        statistic=found.value,
        threshold=found.quantile,
        reason=(
            f"largest {found.kind}; chance exceeds it, or the other statistic its own threshold, "
            f"with probability {level:g} over all pairs"
        ),
        decided_by="rank correlations of moduli and third cross-cumulants",
    )


def report(
    directions: np.ndarray,
    prediction: Prediction,
    dimension: int,
    conditions: tuple[Condition, ...],
    gaussian: GaussianDirections,
    level: float,
    negligible_kurtosis: float,
) -> Report:
    """The verdict on the set of columns; the identified functionals span the columns that stay.

    The class is that of all columns together, so its dimension is that of the gauge group.
    """
    broken = [c.name for c in conditions if not c.holds and not c.assumed]
    statement = "third and fourth sample cumulants; columns up to order and scale, under the "
    statement += "assumption that sources are independent beyond fourth order too"
    statement += "".join(f", and that {c.statement}" for c in conditions if c.assumed)
    if prediction.recovers and not broken:
        verdict = Verdict.GLOBALLY_IDENTIFIABLE
    elif broken == ["at most one Gaussian"] or broken == ["at most one Gaussian", "converged"]:
        # Whether a free rotation came to rest is of no consequence.
        decided = prediction.recovers is False
        verdict = Verdict.EPSILON_NON_IDENTIFIABLE if decided else Verdict.UNDETERMINED
    else:
        verdict = Verdict.UNDETERMINED
    undetermined = verdict is Verdict.UNDETERMINED
    turning = prediction.affected[0] if prediction.affected else ()
    staying = [] if undetermined else [i for i in range(directions.shape[1]) if i not in turning]
    values = np.append(gaussian.negentropy, 0.0)
    cut = len(values) - 1 - gaussian.count
    return Report(
        verdict=verdict,
        certificate=Certificate(
            CertificateKind.NUMERIC,
            statement,
            level,
        ),
        class_dimension=None if undetermined else dimension,
        identified_functionals=np.linalg.qr(directions[:, staying])[0].T,
        tolerance=negligible_kurtosis,
        unit="excess kurtosis (a source with less is Gaussian here)",
        gap=float(values[cut - 1] - values[cut]) if cut > 0 else 0.0,
        regime="states seen",
        observable="law of the states h = A s",
        witness=None if undetermined or not turning else _turned(directions, turning, values),
        conditions=conditions,
    )


def _turned(directions: np.ndarray, block: tuple[int, ...], negentropy: np.ndarray) -> Witness:
    """Two columns of the block turned by 45 degrees: the first of them, of length 1.

    To fourth order the divergence of the two laws is the weighted square of the difference of their
    cumulants, which is at most twice as long as those of the block.
    """
    column = directions[:, block[0]]
    turned = column + directions[:, block[1]]
    turned /= np.linalg.norm(turned)
    return Witness(
        vector=turned,
        cosine=float(column @ turned),
        distance=float(np.linalg.norm(turned - column)),
        output_difference=float(4 * negentropy[list(block)].sum()),
        unit="nats for each state at most, to fourth order",
    )

r"""Whether a scorer separates labelled opposites, decided before it scores anything else.

.. math:: \mathrm{AUC} = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

over all combinations of a positive and a negative. A pair of opposites answers one prompt, so pairs
and not texts are the sample. The interval at each end is the further of two, because either fails
where the other holds: that of the U-statistic over pairs (DeLong's components, added within a pair
as Obuchowski does, doi:10.2307/2533958, on the logit scale), which knows how the scores of a pair
depend on each other but is a point where the labels are separated completely; and Newcombe's score
interval (doi:10.1002/sim.2324, method 5), which is none there and takes texts as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_vector
from llm_validation.dataset import LabelledCompletion, Trait

LEVEL = 0.95
SMALLEST_AUC = 0.67
"""What the lower end has to exceed: P(s₊ > s₋) = Φ(δ) at a difference of δ of its own standard
deviations, and 40 evaluation prompts resolve δ = (1.96 + 0.84)/√40 = 0.44 (5 % two-sided, power
80 %). With a weaker scorer even a steering as strong as the whole way from one label to its
opposite would not be seen. Set at 0.62 before any scorer was tried, by Φ(δ/√2), which takes δ in
deviations of one arm; corrected, to the stricter side, when a review found that."""
_INSIDE = 1e-12  # at θ = 0 and θ = 1 the variance is 0: roots that are no ends of an interval


class TextScorer(Protocol):
    """Scores completions alone; larger is more of the trait."""

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) scores of n texts."""
        ...


@dataclass(frozen=True)
class Validity:
    """How well a scorer tells a trait from its opposite, on pairs that it was not chosen on.

    Attributes
    ----------
    auc
        Share of (positive, negative) combinations in the right order, ties for a half; of pairs,
        where scores are only compared within one.
    low, high
        Ends of its 95 % interval.
    n
        Pairs of opposites.
    valid
        Whether ``low`` exceeds ``SMALLEST_AUC``.
    reason
        The sentence that goes into reports.
    """

    auc: float
    low: float
    high: float
    n: int
    valid: bool
    reason: str

    @classmethod
    def of(
        cls,
        scores_positive: Sequence[float] | np.ndarray,
        scores_negative: Sequence[float] | np.ndarray,
    ) -> Validity:
        """From the scores (n,) of n pairs of opposites, in the same order.

        Raises
        ------
        InvalidInput
            If the scores are not finite, do not come in pairs, or are of fewer than two pairs.
        """
        positive = as_vector(scores_positive, "scores_positive")
        negative = as_vector(scores_negative, "scores_negative", width=len(positive))
        if len(positive) < 2:
            raise _too_few()
        n = len(positive)
        ordered = (np.sign(positive[:, None] - negative) + 1) / 2  # (n, n): 1, ½ at a tie, 0
        auc = float(ordered.mean())
        ends = np.array([_newcombe(auc, n), _over_pairs(ordered)])
        low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        return cls(auc, low, high, n, low > SMALLEST_AUC, _reason(auc, low, high, n))

    @classmethod
    def within_pairs(
        cls,
        scores_positive: Sequence[float] | np.ndarray,
        scores_negative: Sequence[float] | np.ndarray,
    ) -> Validity:
        """From scores that are only ever compared within a pair, each pair with a level of its own.

        The share of pairs in the right order (ties for a half) estimates P(s₊ > s₋) within a pair,
        with its exact binomial interval (Clopper & Pearson, doi:10.1093/biomet/26.4.404). The limit
        is the same: it is the probability that belongs to the same standardised difference.

        Raises
        ------
        InvalidInput
            As ``of``.
        """
        from scipy.stats import binomtest

        positive = as_vector(scores_positive, "scores_positive")
        negative = as_vector(scores_negative, "scores_negative", width=len(positive))
        if len(positive) < 2:
            raise _too_few()
        order = np.sign(positive - negative)
        right, n = int(np.sum(order > 0)), len(order)
        share = (right + 0.5 * np.sum(order == 0)) / n
        # Ties count against the scorer in the interval.
        ends = binomtest(right, n).proportion_ci(LEVEL)
        low, high = float(ends.low), float(ends.high)
        found = f"{right} of {n} pairs in the right order, P [{low:.2f}, {high:.2f}]"
        valid = low > SMALLEST_AUC
        head, tail = ("separates", "above") if valid else ("scorer not valid", "not above")
        reason = f"{head}: {found}, lower end {tail} {SMALLEST_AUC}"
        return cls(float(share), low, high, n, valid, reason)


def text_validity(scorer: TextScorer, trait: Trait) -> Validity:
    """A text scorer on the held-out completions of a trait.

    Raises
    ------
    InvalidInput
        If the trait has fewer than two pairs held out, or the scorer refuses a text.
    """
    held_out = held_out_completions(trait)
    return Validity.of(
        scorer.score([pair.positive for pair in held_out]),
        scorer.score([pair.negative for pair in held_out]),
    )


def held_out_completions(trait: Trait) -> list[LabelledCompletion]:
    """Pairs that no scorer was chosen on.

    Raises
    ------
    InvalidInput
        If there are fewer than two.
    """
    found = [pair for pair in trait.completions if pair.split == "held_out"]
    if len(found) < 2:
        raise InvalidInput(
            f"trait {trait.name!r} must have at least two completions of split 'held_out' to "
            f"validate a scorer on, got {len(found)}; add some"
        )
    return found


def _too_few() -> InvalidInput:
    return InvalidInput(
        "a scorer is validated on at least two pairs of opposites, got one; add labelled "
        "completions of split 'held_out'"
    )


def _over_pairs(ordered: np.ndarray) -> tuple[float, float]:
    """Interval from how often each pair's own texts are in the right order with all others."""
    from scipy.special import expit, logit, stdtrit

    n, auc = len(ordered), ordered.mean()
    if auc in (0.0, 1.0):
        return auc, auc
    components = ordered.mean(axis=1) + ordered.mean(axis=0)  # of the positive, of the negative
    error = np.sqrt(components.var(ddof=1) / n) / (auc * (1 - auc))
    reach = stdtrit(n - 1, (1 + LEVEL) / 2) * error
    return expit(logit(auc) - reach), expit(logit(auc) + reach)


def _newcombe(auc: float, n: int) -> tuple[float, float]:
    """Values θ that lie z of their own standard errors from the AUC of n positives, n negatives."""
    from scipy.optimize import brentq
    from scipy.special import ndtri

    squared = ndtri((1 + LEVEL) / 2) ** 2

    def excess(theta: float) -> float:
        spread = 1 + (n - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (auc - theta) ** 2 - squared * theta * (1 - theta) * spread / n**2

    # The excess is a square at 0 and at 1, and is negative at the AUC.
    low = brentq(excess, 0.0, min(auc, 1 - _INSIDE)) if auc > 0 else 0.0
    high = brentq(excess, max(auc, _INSIDE), 1.0) if auc < 1 else 1.0
    return low, high


def _reason(auc: float, low: float, high: float, n: int) -> str:
    found = f"AUC {auc:.2f} [{low:.2f}, {high:.2f}] over {n} pairs of held-out opposites"
    if low > SMALLEST_AUC:
        return f"separates: {found}, lower end above {SMALLEST_AUC}"
    if high < 0.5:
        return f"scorer not valid: {found}, it orders them the wrong way round"
    return f"scorer not valid: {found}, lower end not above {SMALLEST_AUC}"

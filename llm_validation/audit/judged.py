"""From what was measured to the verdict, and to rows of predictions against measurements."""

from __future__ import annotations

from typing import Any

import numpy as np

from identifiability.regime import SINGLE_LAYER
from identifiability.statistics import Interval, cluster_bootstrap
from identifiability.verdict import Certificate, CertificateKind, Verdict
from llm_validation.audit.behaviour import Scored
from llm_validation.audit.observable import Observable
from llm_validation.audit.steered_class import SteeredClass
from llm_validation.audit.symmetry import ShiftSymmetry
from llm_validation.audit.witness import AuditWitness
from llm_validation.claims.claim import ClaimResult, Judgement, Outcome
from llm_validation.claims.family import adjusted
from llm_validation.claims.judgement import (
    EQUIVALENCE_FRACTION,
    FEWEST_CLUSTERS,
    LOG_BAND,
    at_most,
    within_band,
)

FAMILY = "audit"
_NO_LEVEL = "an interval over them does not keep its level"


def verdict_of(
    found: SteeredClass,
    witness: AuditWitness | None,
    quietest: Interval | None,
    symmetry: ShiftSymmetry | None,
) -> tuple[Verdict, Certificate, str]:
    """Verdict, certificate, and the reason in a sentence.

    ``quietest`` is needed where no direction is invisible.
    """
    if symmetry is not None and symmetry.holds:
        statement = (
            "in exact arithmetic, for every c, layer and prompt: h + c 1 gives the output of h, "
            "since all reads of the residual stream go through a LayerNorm (N6b); tried in the "
            "model's own arithmetic, at the size of the states, on every measuring prompt"
        )
        certificate = Certificate(CertificateKind.PROOF, statement, symmetry.shift)
        reason = (
            "a shift of all coordinates is invisible in exact arithmetic "
            f"({symmetry.shift:.1g} nats seen)"
        )
        return Verdict.NON_IDENTIFIABLE, certificate, reason
    report = found.whole.report
    if report.verdict is Verdict.LOCALLY_IDENTIFIABLE and quietest is not None:
        verdict, reason = _all_seen(quietest, found.epsilon)
        return verdict, report.certificate, reason
    if report.verdict is Verdict.UNDETERMINED or witness is None:
        reason = "whether any direction stays within epsilon is below the rounding of the metric"
        return Verdict.UNDETERMINED, report.certificate, reason
    if _few(witness.measured):
        reason = f"fewer than {FEWEST_CLUSTERS} prompts measured the witness: {_NO_LEVEL}"
        return Verdict.UNDETERMINED, report.certificate, reason
    if witness.measured.high > found.epsilon:
        reason = (
            f"the witness was not shown to stay within epsilon: {witness.measured.estimate:.2g} "
            f"nats, upper end {witness.measured.high:.2g}"
        )
        return Verdict.UNDETERMINED, report.certificate, reason
    if not witness.telling(found.epsilon):
        reason = (
            "the witness is within epsilon; random steps as long were not shown to leave it "
            f"({witness.random_measured.low:.2g} or more)"
        )
        return Verdict.UNDETERMINED, report.certificate, reason
    reason = (
        f"a witness at cosine {witness.cosine:.3f} was measured within epsilon (upper end "
        f"{witness.measured.high:.2g}), random steps as long above it "
        f"({witness.random_measured.low:.3g} or more)"
    )
    return report.verdict, report.certificate, reason


def _all_seen(quietest: Interval, epsilon: float) -> tuple[Verdict, str]:
    """Where the spectrum has no direction below epsilon."""
    if _few(quietest):
        reason = f"fewer than {FEWEST_CLUSTERS} prompts measured the quietest step: {_NO_LEVEL}"
        return Verdict.UNDETERMINED, reason
    if quietest.low <= epsilon:
        reason = (
            "no direction is predicted within epsilon; the quietest was not shown to leave it "
            f"({quietest.low:.2g} or more)"
        )
        return Verdict.UNDETERMINED, reason
    return Verdict.LOCALLY_IDENTIFIABLE, (
        "to second order, on the prompts that choose, every direction shows more than epsilon at "
        f"this radius; the quietest was measured above it on the others ({quietest.low:.2g} or "
        "more)"
    )


def _few(measured: Interval) -> bool:
    """Whether fewer prompts measured than an interval needs."""
    return measured.degrees < (FEWEST_CLUSTERS - 1) / 2


def rows_of(
    *,
    layer: int,
    alpha: float,
    epsilon: float,
    observable: Observable,
    trait: str | None,
    dtype: str,
    witness: AuditWitness | None,
    scored: Scored | None,
    rng: np.random.Generator,
) -> list[ClaimResult]:
    """The witness within epsilon, at the predicted divergence, and the same in a score."""
    if witness is None:
        return []
    shared: dict[str, Any] = {
        "layer": layer,
        "trait": trait or "",
        "alpha": alpha,
        "observable": observable.words,
        "dtype": dtype,
        "family": FAMILY,
        "regime": SINGLE_LAYER,
    }
    measured = witness.measured
    judgement = _within_epsilon(witness, epsilon)
    count = len(witness.divergences)
    rows = [
        ClaimResult(
            claim="witness_within_epsilon",
            theorem="N7",
            arm="witness",
            prediction=witness.predicted,
            prediction_interval=(witness.predicted_low, witness.predicted_high),
            margin=epsilon,
            unit="nats",
            measured=measured.estimate,
            interval=(measured.low, measured.high),
            n_prompts=count,
            **_judged(judgement),
            **shared,
        )
    ]
    if witness.second_order.mean() > 0 and measured.estimate > 0:
        ratio = cluster_bootstrap(
            lambda pairs: np.log(pairs[..., 0].mean(axis=1) / pairs[..., 1].mean(axis=1)),
            [np.stack([witness.divergences, witness.second_order], axis=1)],
            rng=rng,
        )
        rows.append(
            ClaimResult(
                claim="witness_second_order",
                theorem="N2",
                arm="witness",
                prediction=0.0,
                prediction_interval=None,
                margin=LOG_BAND,
                unit="log(measured / second order)",
                measured=ratio.estimate,
                interval=(ratio.low, ratio.high),
                n_prompts=count,
                **_judged(within_band(ratio)),
                **shared,
            )
        )
    if scored is not None and scored.equivalence is not None:
        rows.append(score_row(scored, shared))
    return adjusted(rows)


def _within_epsilon(witness: AuditWitness, epsilon: float) -> Judgement:
    """As claims judge such a limit: keeping it shows nothing where random steps may keep it too."""
    limit = at_most(witness.measured, epsilon, "nats")
    if limit.outcome is not Outcome.CONFIRMED or witness.telling(epsilon):
        return limit
    reason = f"{limit.reason}; random steps as long were not shown to be above it"
    return Judgement(Outcome.INCONCLUSIVE, reason, 1.0, limit.p_refute)


def _judged(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.outcome,
        "reason": judgement.reason,
        "p_confirm": judgement.p_confirm,
        "p_refute": judgement.p_refute,
    }


def score_row(scored: Scored, shared: dict[str, Any]) -> ClaimResult:
    """The witness's effect on a valid score as a share of the vector's."""
    tested, effect, witness = scored.equivalence, scored.effect, scored.witness_effect
    assert tested is not None and effect is not None and witness is not None
    if tested.equivalent:
        outcome = Outcome.CONFIRMED
    elif tested.low > 1 + EQUIVALENCE_FRACTION or tested.high < 1 - EQUIVALENCE_FRACTION:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.INCONCLUSIVE
    own: dict[str, Any] = shared | {
        "observable": "log-odds of opposite completions",
        "trait": scored.trait,
    }
    return ClaimResult(
        claim="witness_same_score",
        theorem="N9",
        arm="witness",
        prediction=1.0,
        prediction_interval=None,
        margin=EQUIVALENCE_FRACTION,
        unit="effect of v' / effect of v",
        measured=witness.estimate / effect.estimate if effect.estimate else None,
        interval=(tested.low, tested.high),
        n_prompts=tested.n,
        verdict=outcome,
        reason=f"TOST at {EQUIVALENCE_FRACTION:.0%} of v's effect: p = {tested.p:.2g}",
        p_confirm=tested.p,
        power=tested.power,
        **own,
    )

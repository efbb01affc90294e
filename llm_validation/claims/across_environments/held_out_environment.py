r"""Rows of claim 8 about ``InvariantRecovery``: is an environment left out explained (R3c)?

The vectors v_e = c + S a_e of all environments but one give S' and the invariant part. If S' is all
of col(S), the one left out differs from the invariant part inside S' only. Measured is the squared
distance that remains outside S', over the squared distance to the plain average of the others, both
less what noise of the vectors adds to them. Two rows, for the theorem and the paper differ where S'
is not shown to be all:

* **held-out environment**: that share is what the conditions foresee, within a fifth: 0 where they
  hold, what a random subspace leaves where they do not;
* **held-out environment, explained**: it is at most a fifth, as the paper takes for granted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from identifiability.recovery import InvariantRecovery
from identifiability.statistics import Interval
from identifiability.statistics.jackknife import jackknife_interval
from identifiability.verdict import Prediction as Foreseen
from llm_validation.claims.across_environments.environment_contexts import TOO_FEW, contexts, enough
from llm_validation.claims.across_environments.environment_transfer import (
    environment_cells,
    environment_differences,
)
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, Prediction, result
from llm_validation.claims.judgement import EQUIVALENCE_FRACTION, at_most, within
from llm_validation.setting import Setting

ARM = "held-out environment"
EXPLAINED = f"{ARM}, explained"


def held_out_arms(setting: Setting, claim: str, layer: int) -> list[Arm]:
    """Nothing remains where the conditions hold; what a random subspace leaves where they do not.

    The conditions are checked on the predicting contexts of all environments.
    """
    arms = []
    for trait in setting.traits:
        if not enough(setting, trait):
            arms.append(Arm(_prediction(claim, layer, trait, ARM, None), (), None, TOO_FEW))
            continue
        known = contexts(setting, trait, "predicting")
        foreseen = conditions(environment_differences(setting, known, layer))
        varying = len(known) - 2  # dimensions that the environments but one can show to vary
        value = 0.0 if foreseen.recovers else 1 - varying / setting.width
        environments = contexts(setting, trait, "measuring")
        cells = tuple(environment_cells(setting, trait, environments))
        for arm, share in ((ARM, value), (EXPLAINED, 0.0)):
            stated = _prediction(claim, layer, trait, arm, share)
            arms.append(Arm(stated, cells, (environments, foreseen)))
    return arms


def held_out_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Averaged over the environment that is left out."""
    environments, foreseen = arm.data
    samples = in_their_span(environment_differences(setting, environments, arm.prediction.layer))
    shift = jackknife_interval(lambda *x: _totals(x)[:, 1], samples)
    if shift.low <= 0:
        reason = "no difference between the environments' vectors can be told from noise"
        value, judgement = None, Judgement(Outcome.INCONCLUSIVE, reason)
    else:
        value = jackknife_interval(_share, samples)
        judgement = _judgement(arm.prediction, value)
    words = foreseen.failure_mode or "all hold"
    judgement = replace(judgement, reason=f"{judgement.reason}; conditions beforehand: {words}")
    count = 2 * sum(len(sample) for sample in samples)
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=count)


def _judgement(stated: Prediction, value: Interval) -> Judgement:
    if stated.arm == EXPLAINED:
        return at_most(value, EQUIVALENCE_FRACTION, "of what the average leaves")
    share = stated.prediction or 0.0
    low, high = share - EQUIVALENCE_FRACTION, share + EQUIVALENCE_FRACTION
    return within(value, low, high, "share left")


def conditions(samples: Sequence[np.ndarray]) -> Foreseen:
    """What ``InvariantRecovery`` foresees of vectors that are known up to their standard errors.

    Of the part outside S', for which it does not matter whether c is orthogonal to S.
    """
    samples = in_their_span(samples)
    error = max(float(np.sqrt(_noise(sample).sum())) for sample in samples)
    vectors = [sample.mean(axis=0) for sample in samples]
    return InvariantRecovery(orthogonal=True, vector_error=error).fit(vectors).prediction_


def remainders(samples: Sequence[np.ndarray]) -> np.ndarray:
    """(E, 2) squared distances of each environment left out, free of noise, for (n_e, d) each.

    To the invariant part outside S', and to the average; both from the other environments.
    """
    vectors = np.array([sample.mean(axis=0) for sample in samples])
    noises = [_noise_matrix(sample) for sample in samples]
    found = []
    for held in range(len(samples)):
        others = [e for e in range(len(samples)) if e != held]
        fitted = InvariantRecovery().fit(vectors[others])
        outside = np.eye(vectors.shape[1]) - fitted.spurious_ @ fitted.spurious_.T
        noise = noises[held] + sum(noises[e] for e in others) / len(others) ** 2
        remains = outside @ vectors[held] - fitted.component_
        apart = vectors[held] - vectors[others].mean(axis=0)
        found.append(
            (remains @ remains - np.trace(outside @ noise), apart @ apart - np.trace(noise))
        )
    return np.array(found)


def in_their_span(samples: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same in coordinates of what they span: lengths and angles stay, matrices get small.

    One empty coordinate more, so that something is left beside the differences as it is in R^d.
    """
    basis = np.linalg.qr(np.concatenate(samples).T)[0]
    return [np.pad(sample @ basis, ((0, 0), (0, 1))) for sample in samples]


def _totals(samples: Sequence[np.ndarray]) -> np.ndarray:
    """(1, 2) for samples (1, n_e, d)."""
    return remainders([sample[0] for sample in samples]).sum(axis=0)[None]


def _share(*samples: np.ndarray) -> np.ndarray:
    totals = _totals(samples)
    return totals[:, 0] / totals[:, 1]


def _noise_matrix(sample: np.ndarray) -> np.ndarray:
    """(d, d) covariance of the mean of (n, d)."""
    return np.cov(sample.T) / len(sample)


def _noise(sample: np.ndarray) -> np.ndarray:
    return sample.var(axis=0, ddof=1) / len(sample)


def _prediction(claim: str, layer: int, trait: str, arm: str, value: float | None) -> Prediction:
    return Prediction(
        claim=claim,
        theorem="R3c",
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=0.0,
        prediction=value,
        prediction_interval=None,
        margin=EQUIVALENCE_FRACTION,
        unit="share of the average's squared distance",
        observable="last states of contrastive pairs",
    )

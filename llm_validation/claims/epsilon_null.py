r"""Claim 1 — directions of low Fisher information are as invisible as predicted (N7).

Two predictions, both about norm-matched displacements alpha ||v|| u orthogonal to v:

* **decile**: for u drawn from each decile of the spectrum of G the KL on unseen prompts is
  ½ α² ||v||² uᵀGu, within a factor of two, at strengths up to 0.5, wherever that is above the
  floor of rounding;
* **null**: for u drawn from the epsilon-null space at radius alpha ||v|| the KL is at most epsilon.
  This is an upper limit, not a predicted value, and is judged at every strength. It is about the
  average of such directions: the edge of the null space, and so its dimension, are not tested.

Beyond strength 0.5 the deciles are measured and reported without a verdict.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import (
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    ClaimResult,
    Outcome,
    Prediction,
    at_most,
    within_band,
)
from llm_validation.directions import random_in_span
from llm_validation.setting import Setting, quadratic_divergences

STRENGTHS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
DECILES = 10

# KL is quadratic in the logits, so rounding that alone shows a KL of f changes a KL of K by up to
# f + 2 sqrt(f K), through the cross term: a tenth at K = 400 f, small against a factor of two.
ABOVE_FLOOR = 400.0


@dataclass(frozen=True)
class Arm:
    """A set of displacements, and what is predicted for their mean divergence."""

    prediction: Prediction
    displacements: np.ndarray  # (k, d)
    predicted: np.ndarray  # (N,) quadratic divergence on each predicting prompt


def predict(setting: Setting, directions: int) -> list[Arm]:
    """State every number, from the choosing and predicting prompts alone.

    Parameters
    ----------
    directions
        Independent directions drawn in each arm.
    """
    return [
        arm
        for index, trait in enumerate(setting.vectors)
        for arms in (_decile_arms, _null_arms)
        for arm in arms(setting, trait, index, directions)
    ]


def measure(setting: Setting, arms: list[Arm]) -> list[ClaimResult]:
    """Measure every arm on the held-out prompts and judge those of strength up to 0.5."""
    floor = setting.divergence_floor
    everything = np.concatenate([arm.displacements for arm in arms])
    found = setting.divergences(everything, "KL along the spectrum")
    ends = np.cumsum([len(arm.displacements) for arm in arms])
    columns = np.split(found, ends[:-1], axis=1)
    return [_judged(setting, arm, part, floor) for arm, part in zip(arms, columns, strict=True)]


def _decile_arms(setting: Setting, trait: str, index: int, directions: int) -> list[Arm]:
    vector = setting.vectors[trait].vector
    spectrum = setting.choosing_spectrum
    parts = np.array_split(np.arange(spectrum.width), DECILES)
    arms = []
    for decile, columns in enumerate(parts, start=1):
        rng = np.random.default_rng([setting.seed, 1, index, decile])
        units = random_in_span(spectrum.eigenvectors[:, columns], vector, directions, rng)
        arms += [_arm(setting, trait, f"decile {decile}", a, units, LOG_BAND) for a in STRENGTHS]
    return arms


def _null_arms(setting: Setting, trait: str, index: int, directions: int) -> list[Arm]:
    vector = setting.vectors[trait].vector
    spectrum = setting.choosing_spectrum
    arms = []
    for alpha in STRENGTHS:
        rank = spectrum.epsilon_rank(EPSILON, alpha * float(np.linalg.norm(vector)))
        basis = spectrum.eigenvectors[:, rank:]
        rng = np.random.default_rng([setting.seed, 2, index, int(1000 * alpha)])
        # Below two dimensions none is left orthogonal to v: an arm without directions is missing.
        count = directions if basis.shape[1] >= 2 else 0
        units = random_in_span(basis, vector, count, rng)
        arms.append(_arm(setting, trait, "null", alpha, units, EPSILON))
    return arms


def _arm(
    setting: Setting, trait: str, name: str, alpha: float, units: np.ndarray, margin: float
) -> Arm:
    displacements = alpha * np.linalg.norm(setting.vectors[trait].vector) * units
    value, interval, predicted = None, None, np.zeros(0)
    if len(units):
        predicted = quadratic_divergences(setting.predicting_metrics, displacements).mean(axis=1)
        rng = np.random.default_rng([setting.seed, 3])
        found = cluster_bootstrap(lambda q: q.mean(axis=1), [predicted], rng=rng)
        value, interval = found.estimate, (found.low, found.high)
    prediction = Prediction(
        claim="epsilon_null",
        theorem="N7",
        trait=trait,
        arm=name,
        alpha=alpha,
        prediction=value,
        prediction_interval=interval,
        margin=margin,
        unit="nats",
    )
    return Arm(prediction, displacements, predicted)


def _judged(setting: Setting, arm: Arm, found: np.ndarray, floor: float) -> ClaimResult:
    """From (N, k) divergences of an arm's k displacements to its row."""
    if found.shape[1] == 0:
        reason = "fewer than two dimensions are epsilon-null at this radius: nothing to test"
        return _row(setting, arm, len(found), None, None, reason)
    measured = found.mean(axis=1)
    rng = np.random.default_rng([setting.seed, 4])
    value = cluster_bootstrap(lambda k: k.mean(axis=1), [measured], rng=rng)
    verdict, reason = _verdict(arm, measured, value, floor, rng)
    return _row(setting, arm, len(found), value, verdict, reason)


def _row(
    setting: Setting,
    arm: Arm,
    prompts: int,
    value: Interval | None,
    verdict: Outcome | None,
    reason: str,
) -> ClaimResult:
    return ClaimResult(
        **asdict(arm.prediction),
        layer=setting.layer,
        measured=None if value is None else value.estimate,
        interval=None if value is None else (value.low, value.high),
        seeds=len(arm.displacements),
        n_prompts=prompts,
        dtype=setting.model.dtype,
        verdict=verdict,
        reason=reason,
    )


def _verdict(
    arm: Arm, measured: np.ndarray, value: Interval, floor: float, rng: np.random.Generator
) -> tuple[Outcome | None, str]:
    prediction = arm.prediction
    if prediction.arm == "null":
        outcome, reason = at_most(value, EPSILON, "nats")
        return outcome, f"{reason} (the null space was chosen on other prompts)"
    judged = prediction.alpha <= FIRST_ORDER_STRENGTH
    if arm.predicted.mean() < ABOVE_FLOOR * floor:
        reason = f"predicted below {ABOVE_FLOOR:g} x rounding floor {floor:.1g}"
        return (Outcome.INCONCLUSIVE if judged else None), reason
    log_ratio = cluster_bootstrap(
        lambda k, q: np.log(k.mean(axis=1) / q.mean(axis=1)), [measured, arm.predicted], rng=rng
    )
    outcome, reason = within_band(log_ratio)
    return (outcome if judged else None), reason

"""How fast an effect grows with the strength of steering, predicted from the score's gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, result
from llm_validation.claims.completions.behaviour import (
    Behaviour,
    Scored,
    behaviour_prediction,
    closed,
)
from llm_validation.claims.judgement import FIRST_ORDER_STRENGTH, LOG_BAND, within
from llm_validation.setting import Setting

SLOPE = "slope of "


@dataclass(frozen=True, eq=False)
class Dose:
    """``Arm.data``.

    ``columns`` (strengths, draws) are the arm's among the displacements, ``reference`` (strengths,)
    those of v. ``predicted`` (n,) are first-order slopes on development completions, where the arm
    is about a slope.
    """

    behaviour: Behaviour
    strengths: tuple[float, ...]
    columns: np.ndarray
    reference: np.ndarray
    predicted: np.ndarray | None = None


def slope_arm(
    setting: Setting,
    claim: str,
    layer: int,
    trait: str,
    name: str,
    dose: Dose,
    missing: str | None,
) -> Arm:
    """The arm of a slope, predicted from ``dose.predicted``."""
    value, ends = None, None
    if missing is None and dose.predicted is not None:
        mean = cluster_bootstrap(
            lambda x: x.mean(axis=1), [dose.predicted], rng=setting.rng(claim, "prediction")
        )
        value, ends = mean.estimate, (mean.low, mean.high)
    stated = behaviour_prediction(
        claim,
        layer,
        trait,
        f"{SLOPE}{name}",
        FIRST_ORDER_STRENGTH,
        value,
        ends,
        margin=LOG_BAND,
        unit="nats per token per unit strength",
    )
    return Arm(stated, dose.behaviour.cells, dose, missing)


def slope_row(setting: Setting, arm: Arm, found: Scored) -> ClaimResult:
    """Least squares through no effect at no dose, up to the strength of the first order."""
    strengths = np.array(arm.data.strengths)
    low = strengths <= FIRST_ORDER_STRENGTH
    doses = strengths[low]
    responses = found.effects[:, arm.data.columns[low]].mean(axis=2)  # (pairs, doses)
    slopes = responses @ doses / (doses @ doses)
    rng = setting.rng(arm.prediction.claim, "slope")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [slopes], rng=rng)
    return result(
        setting,
        arm.prediction,
        value,
        _slope_verdict(arm, slopes, found, rng),
        seeds=arm.data.columns.shape[1],
        n_prompts=found.n_prompts,
    )


def _slope_verdict(
    arm: Arm, slopes: np.ndarray, found: Scored, rng: np.random.Generator
) -> Judgement:
    if not found.gate.passed:
        return closed(found.gate.reason, judged=True)
    low, high = arm.prediction.prediction_interval or (-math.inf, math.inf)
    if low <= 0 <= high:
        reason = f"predicted slope in [{low:+.3g}, {high:+.3g}]: no factor of it is defined"
        return Judgement(Outcome.INCONCLUSIVE, reason)
    ratio = cluster_bootstrap(
        lambda x, w: x.mean(axis=1) / w.mean(axis=1), [slopes, arm.data.predicted], rng=rng
    )
    return within(ratio, math.exp(-LOG_BAND), math.exp(LOG_BAND), "measured/predicted")

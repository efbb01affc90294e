"""From the recoveries of a rung of the observation ladder to its row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, result
from llm_validation.claims.judgement import (
    RECOVERED,
    at_least,
    at_most,
    on_every,
    reported,
    within,
)
from llm_validation.claims.planted.ladder_cells import is_judged
from llm_validation.claims.planted.ladder_prediction import indistinguishable, most_equations
from llm_validation.setting import Setting

DIMENSION_MARGIN = 0.1
"""Of the equations, or of the width where they are more: one decile of the spectrum; at least one
dimension. Predicted and measured lie within the equations of each other whatever is true."""

UNCHANGED = 1.0
"""Of the changes, since only that towards the nearest rival could tell; half of the radius leaves
room for curvature."""

COSINE, DIMENSION, RECOVERY, BALL = "cosine", "dimensions", "cosine to 0.95", "share unchanged"


@dataclass(frozen=True)
class Rung:
    """``Arm.data``: the rung, how many prompts, and the predictions of blocks of other prompts."""

    name: str
    count: int
    radius: float
    predicted: np.ndarray  # (blocks,)


def dimension_margin(setting: Setting, rung: str, count: int) -> float:
    """How far counted dimensions may lie from the predicted ones."""
    equations = most_equations(rung)
    most = setting.width if equations is None else min(setting.width, equations * count)
    return max(1.0, DIMENSION_MARGIN * most)


def measured(setting: Setting, arm: Arm) -> np.ndarray:
    """(blocks,) of the arm's quantity."""
    found = [setting.of(cell) for cell in arm.cells]
    if arm.prediction.unit == BALL:
        return np.array([one["unchanged"] for one in found])
    if arm.prediction.unit == DIMENSION:
        radius = arm.data.radius
        return np.array([float(indistinguishable(x["eigenvalues"], radius)) for x in found])
    return np.array([one["cosine"] for one in found])


def judged(setting: Setting, claim: str, arm: Arm) -> ClaimResult:
    """The row of a rung."""
    values, unit = measured(setting, arm), arm.prediction.unit
    rng = setting.rng(claim, "measured")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [values], rng=rng)
    band, unfinished = arm.prediction.margin, _unfinished(setting, arm)
    if unit == BALL:  # a ball in the class of each prompt, or in none of it: no mean is meant
        judgement = on_every(values, UNCHANGED, np.inf, BALL)
    elif unfinished:
        reason = f"{unfinished} of {len(values)} fits had not converged"
        judgement = Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    elif unit == RECOVERY:
        judgement = _recovery(value, arm.data.predicted)
    elif unit == DIMENSION and np.ptp(values) == np.ptp(arm.data.predicted) == 0:  # exact
        judgement = on_every(values - arm.data.predicted[0], -band, band, "measured - predicted")
    else:
        apart = cluster_bootstrap(
            lambda m, p: m.mean(axis=1) - p.mean(axis=1), [values, arm.data.predicted], rng=rng
        )
        judgement = within(apart, -band, band, "measured - predicted")
    if not is_judged(arm.data.count):
        judgement = reported(judgement)
    count = arm.data.count * len(values)
    return result(setting, arm.prediction, value, judgement, seeds=len(values), n_prompts=count)


def _unfinished(setting: Setting, arm: Arm) -> int:
    """Fits that stopped before they converged."""
    return sum(not setting.of(cell).get("converged", True) for cell in arm.cells)


def _recovery(value: Interval, predicted: np.ndarray) -> Judgement:
    if predicted.min() >= RECOVERED:
        return at_least(value, RECOVERED, "cosine")
    if predicted.max() < RECOVERED:
        return at_most(value, RECOVERED, "cosine")
    return Judgement(None, f"predictions lie on both sides of {RECOVERED:g}: reported")

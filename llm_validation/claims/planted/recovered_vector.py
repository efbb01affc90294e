"""How the rows of claim 11 are judged: cosines to the planted vector, errors, and their slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Judgement, Outcome, Prediction
from llm_validation.claims.judgement import (
    COSINE_MARGIN,
    RECOVERED,
    at_least,
    within,
    within_band,
)

SLOPE, SLOPE_MARGIN = 2.0, 0.5
"""Half a power tells 2 from the 1 of one-sided differences and the 3 of one order more; the next
order in the odd difference is a few per cent of this one."""

ROUNDING_SHARE = 0.1
"""Of the squared error at the weaker strength: rounding that makes up so much of it changes the
slope between strengths a factor of two apart by 0.08, a sixth of ``SLOPE_MARGIN``; in the mean over
blocks, as the slope is. The more there is, the nearer the slope comes to that of rounding, -1."""

WHOLE = "cosine to all of v"


@dataclass(frozen=True)
class Planted:
    """``Arm.data``: which of the cell's vectors, how many prompts at once, which directions.

    ``foreseen`` is what the estimator said of the predicting prompts.
    """

    vector: int
    count: int
    strengths: tuple[float, ...]
    foreseen: str
    basis: np.ndarray | None = None  # (d, k); all directions if None
    predicted: np.ndarray | None = None  # (blocks,) squared errors / |v|², or cosines


def judged_cosine(
    prediction: Prediction, cosines: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
    """Of the cosines (blocks,): all of v where that is predicted, else reported."""
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [cosines], rng=rng)
    predicted = prediction.prediction
    if prediction.unit != WHOLE or predicted is None:
        return value, Judgement(None, "the size of the curvature is not predicted")
    if predicted >= RECOVERED:
        return value, at_least(value, RECOVERED, "cosine")
    low, high = predicted - COSINE_MARGIN, predicted + COSINE_MARGIN
    return value, within(value, low, high, "cosine")


def judged_slope(
    strengths: tuple[float, float],
    squares: np.ndarray,
    rounding: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Interval, Judgement]:
    """Of squared errors (blocks, 2) at two strengths, with what rounding makes of the first."""
    rise = np.log(squares[:, 1] / squares[:, 0]) / 2
    value = cluster_bootstrap(
        lambda x: x.mean(axis=1), [rise / np.log(strengths[1] / strengths[0])], rng=rng
    )
    share = float(np.mean(rounding / squares[:, 0]))
    if share > ROUNDING_SHARE:
        reason = (
            f"rounding is {share:.1%} of the squared error at alpha = {strengths[0]:g}, "
            f"over {ROUNDING_SHARE:.0%}"
        )
        return value, Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    return value, within(value, SLOPE - SLOPE_MARGIN, SLOPE + SLOPE_MARGIN, "slope")


def judged_size(
    predicted: np.ndarray, squares: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
    """Of squared errors (blocks,), predicted from other blocks."""
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [squares], rng=rng, positive=True)
    log_ratio = cluster_bootstrap(
        lambda m, p: m.mean(axis=1) - p.mean(axis=1),
        [np.log(squares), np.log(predicted)],
        rng=rng,
    )
    return value, within_band(log_ratio)

"""How the rows of claim 11 are judged: cosines to the planted vector, errors, and their slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Judgement, Prediction
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


def judged_error(
    data: Planted, squares: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
    """Of squared errors (blocks, strengths): their size where it is predicted, else their slope."""
    if data.predicted is None:
        rise = np.log(squares[:, 1] / squares[:, 0]) / 2
        slopes = rise / np.log(data.strengths[1] / data.strengths[0])
        value = cluster_bootstrap(lambda x: x.mean(axis=1), [slopes], rng=rng)
        return value, within(value, SLOPE - SLOPE_MARGIN, SLOPE + SLOPE_MARGIN, "slope")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [squares[:, 0]], rng=rng, positive=True)
    log_ratio = cluster_bootstrap(
        lambda m, p: m.mean(axis=1) - p.mean(axis=1),
        [np.log(squares[:, 0]), np.log(data.predicted)],
        rng=rng,
    )
    return value, within_band(log_ratio)

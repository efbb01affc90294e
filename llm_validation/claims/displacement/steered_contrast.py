r"""The paper's comparison of logit distances, and the same at equal displacement.

The paper sets ||F(v) - F(v + v⊥)|| beside ||F(v) - F(r)||, r random of v's length. But v⊥ is √2
shorter than r - v: a linear map without any null space gives about 1/√2. Here the second distance
is taken as far towards r as v⊥ is long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.displacement.directions import random_orthogonal
from llm_validation.claims.displacement.predicted_distance import predicted_distances
from llm_validation.claims.judgement import FIRST_ORDER_STRENGTH, reported, within_band
from llm_validation.setting import Setting


@dataclass(frozen=True, eq=False)
class Contrast:
    """``Arm.data``: (N, 2) predicted mean distances, along v⊥ and towards r, and how many each."""

    predicted: np.ndarray
    draws: int


def contrast_arm(
    setting: Setting, stated: Prediction, draws: int, jacobians: Sequence[Cell]
) -> Arm:
    """The arm of a prediction whose number is still to be filled in."""
    vector, alpha, layer = setting.vector(stated.trait, stated.layer), stated.alpha, stated.layer
    norm = float(np.linalg.norm(vector))
    rng = setting.rng(stated.claim, layer, stated.trait, "contrast")
    aside = norm * random_orthogonal(vector, draws, rng)
    elsewhere = rng.standard_normal((draws, vector.size))
    there = norm * elsewhere / np.linalg.norm(elsewhere, axis=1, keepdims=True) - vector
    as_far = norm * there / np.linalg.norm(there, axis=1, keepdims=True)
    predicted = np.column_stack(
        [
            predicted_distances(setting, jacobians, alpha * rows, centred=False).mean(axis=1)
            for rows in (aside, as_far)
        ]
    )
    rng = setting.rng(stated.claim, "prediction")
    value = cluster_bootstrap(_ratio, [predicted], rng=rng, positive=True)
    cells = tuple(
        setting.cell(
            "steered_logit_distance",
            f"logit distance, layer {layer}",
            ids=ids,
            layer=layer,
            base=alpha * vector,
            displacements=alpha * np.concatenate([aside, as_far, there]),
        )
        for ids in setting.prompts.measuring
    )
    return Arm(
        replace(stated, prediction=value.estimate, prediction_interval=(value.low, value.high)),
        cells,
        Contrast(predicted, draws),
    )


def contrast_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Measured at equal displacement; the paper's ratio in ``paper_statistic``."""
    raw = np.array([setting.of(cell)["logit_distance"] for cell in arm.cells])
    aside, as_far, there = (part.mean(axis=1) for part in np.split(raw, 3, axis=1))
    rng, pairs = setting.rng(arm.prediction.claim, "contrast"), np.column_stack([aside, as_far])
    value = cluster_bootstrap(_ratio, [pairs], rng=rng, positive=True)
    verdict = within_band(
        cluster_bootstrap(
            lambda found, stated: np.log(_ratio(found) / _ratio(stated)),
            [pairs, arm.data.predicted],
            rng=rng,
        )
    )
    if arm.prediction.alpha > FIRST_ORDER_STRENGTH:
        verdict = reported(verdict)
    return result(
        setting,
        arm.prediction,
        value,
        verdict,
        seeds=arm.data.draws,
        n_prompts=len(raw),
        paper_statistic=float(aside.mean() / there.mean()),
    )


def _ratio(pairs: np.ndarray) -> np.ndarray:
    """From (R, N, 2) to R ratios of means."""
    return pairs[..., 0].mean(axis=1) / pairs[..., 1].mean(axis=1)

r"""Claim 2 — a random orthogonal direction is not invisible: its KL relative to v's is ρ (N8).

.. math:: \rho = \frac{(\operatorname{tr} G - \hat v^\top G \hat v)/(d - 1)}{\hat v^\top G \hat v}

is computed from G on some prompts. Whether that is visible depends on ρ; that it is ρ is what the
claim says: the ratio of mean divergences, random direction over v at equal
norm, is measured on others, at strengths up to 0.5, and must lie within a factor of two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from identifiability.statistics import cluster_bootstrap
from identifiability.visibility import mean_seen
from llm_validation.claims.claim import (
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    ClaimResult,
    Prediction,
    within_band,
)
from llm_validation.directions import random_orthogonal
from llm_validation.setting import Setting

STRENGTHS = (0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Arm:
    """v and random directions at one strength; row 0 of ``displacements`` is alpha v itself."""

    prediction: Prediction
    displacements: np.ndarray  # (1 + k, d)
    information: np.ndarray  # (N, 2): per prompt, mean over v's orthogonal directions, and along v


def predict(setting: Setting, directions: int) -> list[Arm]:
    """State rho for each trait, from prompts on which nothing is measured."""
    metrics = np.concatenate([setting.choosing_metrics, setting.predicting_metrics])
    arms = []
    for index, (trait, extracted) in enumerate(setting.vectors.items()):
        vector = extracted.vector
        norm = np.linalg.norm(vector)
        unit = vector / norm
        information = np.array([(mean_seen(G, unit), unit @ G @ unit) for G in metrics])
        rng = np.random.default_rng([setting.seed, 5])
        rho = cluster_bootstrap(_ratio, [information], rng=rng)
        # Nothing was chosen by looking at G, so choosing and predicting prompts serve alike.
        units = random_orthogonal(
            vector, directions, np.random.default_rng([setting.seed, 6, index])
        )
        for alpha in STRENGTHS:
            prediction = Prediction(
                claim="orthogonal_not_invisible",
                theorem="N8",
                trait=trait,
                arm="random orthogonal / v",
                alpha=alpha,
                prediction=rho.estimate,
                prediction_interval=(rho.low, rho.high),
                margin=LOG_BAND,
                unit="ratio of KL",
            )
            displacements = alpha * np.vstack([vector, norm * units])
            arms.append(Arm(prediction, displacements, information))
    return arms


def measure(setting: Setting, arms: list[Arm]) -> list[ClaimResult]:
    """Measure the ratio at every strength and judge it up to 0.5."""
    return [_measured(setting, arm) for arm in arms]


def _ratio(pairs: np.ndarray) -> np.ndarray:
    """From (R, N, 2) to R ratios of means."""
    return pairs[..., 0].mean(axis=1) / pairs[..., 1].mean(axis=1)


def _measured(setting: Setting, arm: Arm) -> ClaimResult:
    prediction = arm.prediction
    found = setting.divergences(arm.displacements, "KL of random directions")  # (N, 1 + k)
    # Prompts and directions are both samples of what the claim is about: both are resampled.
    directions = np.arange(1, found.shape[1])

    def ratio(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        picked = np.take_along_axis(rows, columns[:, None, :].astype(int), axis=2)
        return picked.mean(axis=(1, 2)) / rows[..., 0].mean(axis=1)

    rng = np.random.default_rng([setting.seed, 7])
    value = cluster_bootstrap(ratio, [found, directions], rng=rng)
    log_ratio = cluster_bootstrap(
        lambda rows, columns, info: np.log(ratio(rows, columns) / _ratio(info)),
        [found, directions, arm.information],
        rng=rng,
    )
    verdict, reason = within_band(log_ratio)
    if prediction.alpha > FIRST_ORDER_STRENGTH:
        verdict = None
    return ClaimResult(
        **asdict(prediction),
        layer=setting.layer,
        measured=value.estimate,
        interval=(value.low, value.high),
        seeds=len(directions),
        n_prompts=len(found),
        dtype=setting.model.dtype,
        verdict=verdict,
        reason=reason,
    )

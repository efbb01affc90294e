r"""A random orthogonal direction moves the output as much as ρ says, far from nothing (N8).

.. math:: \rho = \frac{(\operatorname{tr} G - \hat v^\top G \hat v)/(d - 1)}{\hat v^\top G \hat v}

is computed from G on some prompts. The ratio of mean divergences, random direction over v at equal
norm, is measured on others. Two rows for each trait, layer and strength:

* **random ⊥ / v**: the ratio is ρ within a factor of two, at strengths up to 0.5;
* **random ⊥ visible**: the mean divergence of random directions is above epsilon: what the name of
  the claim says. It is predicted from ½ α² ||v||² times the mean of uᵀGu and judged, at every
  strength, only where that prediction is above epsilon. Where it is so at none, the claim is open.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from identifiability.visibility import mean_seen
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, Prediction, result
from llm_validation.claims.displacement.directions import random_orthogonal
from llm_validation.claims.displacement.displaced import Draft, displaced_arms, found
from llm_validation.claims.judgement import (
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    at_least,
    reported,
    within_band,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "orthogonal_not_invisible"
NUMBER = 2
THEOREM = "N8"
TITLE = "a random orthogonal direction is not invisible"
SCALES = frozenset(Scale)

STRENGTHS = {
    Scale.QUICK: (0.5, 1.0),
    Scale.THIN: (0.1, 0.25, 0.5, 1.0, 2.0),
    Scale.FULL: (0.1, 0.25, 0.5, 1.0, 1.5, 2.0),
}
DIRECTIONS = {Scale.QUICK: 6, Scale.THIN: 10, Scale.FULL: 10}


def preparation(setting: Setting) -> list[Cell]:
    """Vectors and metrics: no direction is chosen by looking at a metric, so both sets serve."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.metric_cells("choosing", layer) + setting.metric_cells("predicting", layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State rho and the mean divergence, from prompts on which nothing is measured."""
    drafts = []
    for layer in setting.layers:
        for trait in setting.traits:
            drafts += _drafts(setting, layer, trait)
    return displaced_arms(setting, drafts)


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Measure both at every strength and judge them where the theory covers them."""
    return [
        (_ratio_row if arm.prediction.unit == "ratio of KL" else _visible_row)(setting, arm)
        for arm in arms
    ]


def _drafts(setting: Setting, layer: int, trait: str) -> list[Draft]:
    vector = setting.vector(trait, layer)
    norm = float(np.linalg.norm(vector))
    unit = vector / norm
    # (N, 2): per prompt, the mean over v's orthogonal directions, and along v
    information = np.array(
        [
            (mean_seen(G, unit), unit @ G @ unit)
            for part in ("choosing", "predicting")
            for G in setting.metrics(part, layer)
        ]
    )
    rho = cluster_bootstrap(_rho, [information], rng=setting.rng(NAME, "rho"), positive=True)
    count = DIRECTIONS[setting.scale]
    units = random_orthogonal(vector, count, setting.rng(NAME, layer, trait))
    drafts = []
    for alpha in STRENGTHS[setting.scale]:
        displacements = alpha * np.vstack([vector, norm * units])
        prediction = Prediction(
            claim=NAME,
            theorem=THEOREM,
            layer=layer,
            trait=trait,
            arm="random ⊥ / v",
            alpha=alpha,
            prediction=rho.estimate,
            prediction_interval=(rho.low, rho.high),
            margin=LOG_BAND,
            unit="ratio of KL",
        )
        drafts.append(Draft(prediction, displacements, information))
        scale = 0.5 * (alpha * norm) ** 2
        mean = cluster_bootstrap(
            lambda x, scale=scale: scale * x.mean(axis=1),
            [information[:, 0]],
            rng=setting.rng(NAME, "mean"),
            positive=True,
        )
        visible = Prediction(
            claim=NAME,
            theorem=THEOREM,
            layer=layer,
            trait=trait,
            arm="random ⊥ visible",
            alpha=alpha,
            prediction=mean.estimate,
            prediction_interval=(mean.low, mean.high),
            margin=EPSILON,
            unit="nats",
        )
        drafts.append(Draft(visible, displacements[1:]))
    return drafts


def _rho(pairs: np.ndarray) -> np.ndarray:
    """From (R, N, 2) to R ratios of means."""
    return pairs[..., 0].mean(axis=1) / pairs[..., 1].mean(axis=1)


def _ratio_row(setting: Setting, arm: Arm) -> ClaimResult:
    divergences = found(setting, arm)  # (N, 1 + k)
    # Prompts and directions are both samples of what the claim is about: both are resampled, as
    # factors of the mean, which counts their interaction twice and so errs to the wide side.
    prompts = np.column_stack([divergences[:, 1:].mean(axis=1), divergences[:, 0]])  # (N, 2)
    directions = divergences[:, 1:].mean(axis=0)  # (k,)
    directions = directions / directions.mean()

    def ratio(rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
        return _rho(rows) * factors.mean(axis=1)

    rng = setting.rng(NAME, "ratio")
    value = cluster_bootstrap(ratio, [prompts, directions], rng=rng, positive=True)
    log_ratio = cluster_bootstrap(
        lambda rows, factors, info: np.log(ratio(rows, factors) / _rho(info)),
        [prompts, directions, arm.data.extra],
        rng=rng,
    )
    judgement = within_band(log_ratio)
    if arm.prediction.alpha > FIRST_ORDER_STRENGTH:
        judgement = reported(judgement)
    return result(
        setting,
        arm.prediction,
        value,
        judgement,
        seeds=len(directions),
        n_prompts=len(divergences),
    )


def _visible_row(setting: Setting, arm: Arm) -> ClaimResult:
    divergences = found(setting, arm)  # (N, k)
    value = cluster_bootstrap(
        lambda x: x.mean(axis=1),
        [divergences.mean(axis=1)],
        rng=setting.rng(NAME, "visible"),
        positive=True,
    )
    judgement = at_least(value, EPSILON, "nats")
    predicted = arm.prediction.prediction
    if predicted is None or predicted <= EPSILON:
        judgement = reported(judgement)
        if arm.prediction.alpha == max(STRENGTHS[setting.scale]):
            reason = "predicted below epsilon at every strength: nothing to be seen"
            judgement = Judgement(Outcome.INCONCLUSIVE, reason, 1.0, 1.0)
    return result(
        setting,
        arm.prediction,
        value,
        judgement,
        seeds=divergences.shape[1],
        n_prompts=len(divergences),
    )

r"""How far v and directions orthogonal to it move the next token, at equal displacement (N7, N8).

For v, random ⊥, ε-null ⊥ and observable ⊥ of one length: distance of the logits, raw and without
the constant that no softmax sees, KL and Jensen--Shannon divergence, and the share of the ten
likeliest tokens that stay. The first two are predicted from the Jacobian, ||J δ|| and ||C J δ||,
KL and JS from the metric, ½ δᵀGδ and ⅛ δᵀGδ, all within a factor of two at strengths up to 0.5; of
the ten likeliest tokens nothing is predicted.

The paper compares ||F(v) - F(v + v⊥)|| with ||F(v) - F(r)||, r random, and finds the first smaller.
But v⊥ is √2 shorter than r - v: a map that has no null space at all passes with 1/√2. That number
is the row's ``paper_statistic``; what is judged is the same ratio at *equal displacement*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import (
    Arm,
    ClaimResult,
    Judgement,
    Prediction,
    result,
)
from llm_validation.claims.displacement import controls as steering
from llm_validation.claims.displacement.displaced import Draft, displaced_arms, found
from llm_validation.claims.displacement.predicted_distance import (
    jacobian_cells,
    predicted_distances,
)
from llm_validation.claims.displacement.steered_contrast import Contrast, contrast_arm, contrast_row
from llm_validation.claims.epsilon_null import ABOVE_FLOOR
from llm_validation.claims.judgement import (
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    reported,
    within_band,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "logit_distance"
NUMBER = 5
THEOREM = "N8"
TITLE = "distance of the outputs at equal displacement"
SCALES = frozenset({Scale.THIN, Scale.FULL})

STRENGTHS = {Scale.THIN: (0.5, 1.0), Scale.FULL: (0.25, 0.5, 1.0, 2.0)}
DRAWS = {Scale.THIN: steering.Draws(5, 3), Scale.FULL: steering.Draws(10, 5)}
JACOBIANS = {Scale.THIN: 6, Scale.FULL: 12}
"""Predicting prompts whose Jacobian is computed in float64."""

QUANTITIES = {
    "logit_distance": "logits",
    "centred_logit_distance": "logits",
    "kl": "nats",
    "js": "nats",
    "top_overlap": "share of 10 tokens",
}
PAPER = "v + random ⊥ / towards random"
_OF_KL = {"kl": 1.0, "js": 0.25}  # to second order JS = KL/4 (Lin 1991, doi:10.1109/18.61115)


@dataclass(frozen=True, eq=False)
class Expected:
    """What is measured and what it was predicted to be: (N, k) over prompts and draws, or None."""

    quantity: str
    values: np.ndarray | None


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, spectra, metrics, Jacobians, and what rounding shows."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer) + setting.metric_cells("predicting", layer)
        cells += setting.floor_cells(layer) + jacobian_cells(
            setting, layer, JACOBIANS[setting.scale]
        )
    return cells


def predict(setting: Setting) -> list[Arm]:
    """Every distance, and the ratio of the paper's two."""
    drafts, contrasts, draws = [], [], DRAWS[setting.scale].orthogonal
    for layer in setting.layers:
        jacobians = jacobian_cells(setting, layer, JACOBIANS[setting.scale])
        for trait in setting.traits:
            for alpha in STRENGTHS[setting.scale]:
                drafts += _drafts(setting, layer, trait, alpha)
                stated = _prediction(layer, trait, PAPER, alpha, "ratio of logit distances")
                contrasts.append(contrast_arm(setting, stated, draws, jacobians))
    arms = [
        _about(setting, arm, quantity)
        for arm in displaced_arms(setting, drafts)
        for quantity in QUANTITIES
    ]
    return arms + contrasts


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Measure all on the measuring prompts; judge what was predicted at small strengths."""
    return [
        (contrast_row if isinstance(arm.data, Contrast) else _row)(setting, arm) for arm in arms
    ]


def _drafts(setting: Setting, layer: int, trait: str, alpha: float) -> list[Draft]:
    """One for each kind of direction; the quantity is filled in later."""
    vector = setting.vector(trait, layer)
    radius = max(STRENGTHS[setting.scale]) * float(np.linalg.norm(vector))
    kinds = {steering.VECTOR: vector[None]} | steering.orthogonal_directions(
        setting, layer, trait, EPSILON, radius, DRAWS[setting.scale]
    )
    drafts = []
    for name, vectors in kinds.items():
        missing = None if len(vectors) else "fewer than two dimensions are epsilon-null"
        prediction = _prediction(layer, trait, name, alpha, "")
        drafts.append(Draft(prediction, alpha * vectors, alpha * vectors, missing))
    return drafts


def _prediction(layer: int, trait: str, arm: str, alpha: float, unit: str) -> Prediction:
    """Without its number."""
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=alpha,
        prediction=None,
        prediction_interval=None,
        margin=LOG_BAND,
        unit=unit,
    )


def _about(setting: Setting, arm: Arm, quantity: str) -> Arm:
    """The same arm with one of the quantities and its prediction."""
    stated = replace(
        arm.prediction,
        arm=f"{arm.prediction.arm}: {quantity.replace('_', ' ')}",
        unit=QUANTITIES[quantity],
    )
    values = None
    if arm.unmeasurable is None and quantity != "top_overlap":
        values = _expected(setting, stated.layer, quantity, arm.data.extra)
        mean = _mean(values, setting.rng(NAME, "prediction"))
        ends = (mean.low, mean.high)
        stated = replace(stated, prediction=mean.estimate, prediction_interval=ends)
    return replace(arm, prediction=stated, data=replace(arm.data, extra=Expected(quantity, values)))


def _expected(setting: Setting, layer: int, quantity: str, displacements: np.ndarray) -> np.ndarray:
    """(N, k) first-order value of a quantity on predicting prompts."""
    if quantity in _OF_KL:
        return _OF_KL[quantity] * setting.quadratic_divergences("predicting", layer, displacements)
    jacobians = jacobian_cells(setting, layer, JACOBIANS[setting.scale])
    return predicted_distances(
        setting, jacobians, displacements, centred=quantity.startswith("centred")
    )


def _row(setting: Setting, arm: Arm) -> ClaimResult:
    expected: Expected = arm.data.extra
    measured = found(setting, arm, expected.quantity)  # (N, k)
    rng = setting.rng(NAME, "measured")
    return result(
        setting,
        arm.prediction,
        _mean(measured, rng, positive=expected.values is not None),
        _verdict(setting, arm, measured, rng),
        seeds=measured.shape[1],
        n_prompts=len(measured),
    )


def _verdict(
    setting: Setting, arm: Arm, measured: np.ndarray, rng: np.random.Generator
) -> Judgement:
    expected: Expected = arm.data.extra
    if expected.values is None:
        return Judgement(None, "reported: nothing is predicted of the likeliest tokens")
    judged = arm.prediction.alpha <= FIRST_ORDER_STRENGTH
    floor = setting.divergence_floor(arm.prediction.layer)
    if expected.quantity in _OF_KL and expected.values.mean() < ABOVE_FLOOR * floor:
        reason = f"predicted below {ABOVE_FLOOR:g} x rounding floor {floor:.1g}"
        return Judgement(None, f"{reason}: reported")
    log_ratio = cluster_bootstrap(
        lambda found, stated: np.log(found.mean(axis=1) / stated.mean(axis=1)),
        [measured.mean(axis=1), expected.values.mean(axis=1)],
        rng=rng,
    )
    verdict = within_band(log_ratio)
    return verdict if judged else reported(verdict)


def _mean(values: np.ndarray, rng: np.random.Generator, *, positive: bool = True) -> Interval:
    """Over prompts, of the mean over draws."""
    return cluster_bootstrap(
        lambda x: x.mean(axis=1), [values.mean(axis=1)], rng=rng, positive=positive
    )

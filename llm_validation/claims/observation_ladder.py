r"""The observation ladder: whether a vector is identified depends on what is observed (N10).

One vector is planted in the states of N prompts and seen through rungs from all logits to the
greedy token; Gauss--Newton recovers from each what is there, knowing the model, the states and the
vector's length. Four predictions for each rung, from the gradients and the noise of that rung on
other prompts:

* **cosine** of the recovered and the planted vector, within 0.1;
* **null dimension**: directions along which a displacement as long as the vector could not be told
  from none, at the rung's own noise, within a tenth of the width;
* **recovered**: the cosine is at least 0.95 where that is predicted, and below it where not. So the
  paper's sentence, that the vector is not identifiable, is false on the first kind of rung and true
  on the second;
* **greedy token**: half of the first-order radius in any direction leaves the token as it is. Its
  class has a ball in it, and so the dimension d, whatever the number of prompts.

A classifier's grade, a function of sampled text below the samples' rung, is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import at_least, at_most, on_every, within
from llm_validation.claims.null_space.prompt_blocks import blocks, prompts_in_words
from llm_validation.claims.planted.ladder_cells import (
    ALPHAS,
    DENSE_COUNT,
    counts_of,
    greedy_cells,
    information_cell,
    observation_cells,
    rungs_of,
    score_index,
    traits_of,
)
from llm_validation.claims.planted.ladder_prediction import (
    RECOVERED,
    expected_cosine,
    indistinguishable,
    information,
    most_equations,
    noise,
    turns,
)
from llm_validation.measurements.observations import FLOAT32, GREEDY, SAMPLES
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "observation_ladder"
NUMBER = 15
THEOREM = "N10"
TITLE = "what is observed decides what is identified"
SCALES = frozenset(Scale)

PREDICTING = {Scale.QUICK: 4, Scale.THIN: 12, Scale.FULL: 12}

COSINE_MARGIN = 0.1
"""The two readings that matter, recovered and mostly lost, are farther apart than that."""

DIMENSION_MARGIN = 0.1
"""Of the width: one decile of the spectrum."""

UNCHANGED = 0.95
"""Of the changes; all are predicted, and half of the radius leaves room for curvature."""

COSINE, DIMENSION, RECOVERY, BALL = "cosine", "dimensions", "cosine to 0.95", "share unchanged"


@dataclass(frozen=True)
class Rung:
    """``Arm.data``: the rung, how many prompts, and the predictions of blocks of other prompts."""

    name: str
    count: int
    radius: float
    predicted: np.ndarray  # (blocks,)


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, and what each rung sees of the predicting prompts to first order."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        for place, ids in enumerate(_predicting(setting)):
            cells.append(information_cell(setting, ids, place, layer))
            if any(rung.startswith(SAMPLES) for rung in rungs_of(setting)):
                cells.append(setting.metric_cell(ids, layer))
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State cosines and dimensions for every rung and number of prompts."""
    return [
        arm
        for layer in setting.layers
        for trait in traits_of(setting)
        for alpha in ALPHAS[setting.scale]
        for rung in rungs_of(setting)
        for arm in (_greedy if rung == GREEDY else _arms)(setting, layer, trait, alpha, rung)
    ]


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Recover the planted vectors and count dimensions."""
    return [_judged(setting, arm) for arm in arms]


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Predicted and measured cosine and dimension over rungs and numbers of prompts, and turns."""
    points = []
    for arm in arms:
        if arm.prediction.unit not in (COSINE, DIMENSION):
            continue
        equations = most_equations(arm.data.name)
        points.append(
            {
                "layer": arm.prediction.layer,
                "trait": arm.prediction.trait,
                "alpha": arm.prediction.alpha,
                "rung": arm.data.name,
                "prompts": arm.data.count,
                "quantity": arm.prediction.unit,
                "predicted": float(arm.data.predicted.mean()),
                "measured": float(_measured(setting, arm).mean()),
                "converged": float(np.mean([setting.of(cell)["converged"] for cell in arm.cells])),
                "fewest_prompts_to_close": -(-setting.width // equations) if equations else None,
            }
        )
    return points + turns(points)


def _arms(setting: Setting, layer: int, trait: str, alpha: float, rung: str) -> list[Arm]:
    planted = alpha * setting.vector(trait, layer)
    radius = float(np.linalg.norm(planted))
    prompts = _predicting(setting)
    found = [setting.of(information_cell(setting, x, i, layer)) for i, x in enumerate(prompts)]
    metrics = [
        setting.of(setting.metric_cell(ids, layer))["metric"] if rung.startswith(SAMPLES) else None
        for ids in prompts
    ]
    score = score_index(setting, trait)
    each = [information(rung, one, score, g) for one, g in zip(found, metrics, strict=True)]
    size = float(np.mean([noise(FLOAT32, one) for one in found]))
    arms = []
    for count in counts_of(setting, rung, trait, layer):
        sums = [np.sum([each[i] for i in rows], axis=0) for rows in blocks(len(each), count)]
        cosines = np.array([expected_cosine(one, planted) for one in sums])
        hidden = np.array([indistinguishable(np.linalg.eigvalsh(one), radius) for one in sums])
        cells = observation_cells(setting, layer, trait, planted, rung, count, size)
        drafts = [(COSINE, cosines, COSINE_MARGIN), (DIMENSION, hidden, DIMENSION_MARGIN)]
        if count == DENSE_COUNT:
            drafts.append((RECOVERY, cosines, RECOVERED))
        for unit, predicted, margin in drafts:
            name = f"{rung}, {prompts_in_words(count)}, {unit}"
            prediction = _prediction(layer, trait, alpha, name, unit, predicted, margin, rung)
            data = Rung(rung, count, radius, predicted.astype(float))
            arms.append(Arm(prediction, tuple(cells), data))
    return arms


def _greedy(setting: Setting, layer: int, trait: str, alpha: float, rung: str) -> list[Arm]:
    planted, predicted = alpha * setting.vector(trait, layer), np.ones(1)
    prediction = _prediction(layer, trait, alpha, rung, BALL, predicted, UNCHANGED, rung)
    data = Rung(rung, 1, float(np.linalg.norm(planted)), predicted)
    return [Arm(prediction, tuple(greedy_cells(setting, layer, planted)), data)]


def _prediction(
    layer: int,
    trait: str,
    alpha: float,
    arm: str,
    unit: str,
    predicted: np.ndarray,
    margin: float,
    rung: str,
) -> Prediction:
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=alpha,
        prediction=float(predicted.mean()),
        prediction_interval=(float(predicted.min()), float(predicted.max())),
        margin=margin,
        unit=unit,
        observable=rung,
    )


def _measured(setting: Setting, arm: Arm) -> np.ndarray:
    """(blocks,) of the arm's quantity."""
    found = [setting.of(cell) for cell in arm.cells]
    if arm.prediction.unit == BALL:
        return np.array([one["unchanged"] for one in found])
    if arm.prediction.unit == DIMENSION:
        radius = arm.data.radius
        return np.array([float(indistinguishable(x["eigenvalues"], radius)) for x in found])
    return np.array([one["cosine"] for one in found])


def _judged(setting: Setting, arm: Arm) -> ClaimResult:
    measured, unit = _measured(setting, arm), arm.prediction.unit
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [measured], rng=rng)
    band = COSINE_MARGIN if unit == COSINE else DIMENSION_MARGIN * setting.width
    if unit == BALL:  # a ball in the class of each prompt, or in none of it: no mean is meant
        judgement = on_every(measured, UNCHANGED, np.inf, BALL)
    elif unit == RECOVERY:
        rule = at_least if arm.data.predicted.mean() >= RECOVERED else at_most
        judgement = rule(value, RECOVERED, "cosine")
    elif unit == DIMENSION and np.ptp(measured) == np.ptp(arm.data.predicted) == 0:  # exact
        judgement = on_every(measured - arm.data.predicted[0], -band, band, "measured - predicted")
    else:
        apart = cluster_bootstrap(
            lambda m, p: m.mean(axis=1) - p.mean(axis=1), [measured, arm.data.predicted], rng=rng
        )
        judgement = within(apart, -band, band, "measured - predicted")
    count = arm.data.count * len(measured)
    return result(setting, arm.prediction, value, judgement, seeds=len(measured), n_prompts=count)


def _predicting(setting: Setting) -> tuple[list[int], ...]:
    return setting.prompts.predicting[: PREDICTING[setting.scale]]

r"""The observation ladder: whether a vector is identified depends on what is observed (N10).

One vector is planted in the states of N prompts and seen through rungs from all logits to the
greedy token; Gauss--Newton recovers from each what is there, knowing the model, the states and the
vector's length. Four predictions for each rung, from the gradients and the noise of that rung on
other prompts:

* **cosine** of the recovered and the planted vector, within 0.1;
* **null dimension**: directions along which a displacement as long as the vector could not be told
  from none in normal noise of the rung's variance, within a tenth of the equations there are, d at
  most. Rounding is no normal noise: many digits together show less than any of them hides;
* **recovered**, from two prompts: the cosine is at least 0.95 where all predictions say so, and
  below it where none does; where they lie on both sides it is reported. So for so many prompts the
  paper's sentence, that the vector is not identifiable, is false on the first kind of rung and true
  on the second;
* **greedy token**: none of 33 changes by half of the first-order radius, one of them towards the
  nearest rival, changes the token. Its class has a ball in it, and so the dimension d, whatever the
  number of prompts.

A fit that has not converged decides nothing. Rows of more prompts than make six blocks at full
scale are reported. The score is not below the sampled tokens on the ladder, but beside it: it reads
the tokens of a completion, each of them steered.

A classifier's grade, a function of sampled text below the samples' rung, is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.claim import Arm, ClaimResult, Prediction
from llm_validation.claims.judgement import COSINE_MARGIN, RECOVERED
from llm_validation.claims.null_space.prompt_blocks import blocks, prompts_in_words
from llm_validation.claims.planted.ladder_cells import (
    ALPHAS,
    TOGETHER,
    counts_of,
    greedy_cells,
    information_cell,
    observation_cells,
    rungs_of,
    score_index,
    traits_of,
)
from llm_validation.claims.planted.ladder_judgement import (
    BALL,
    COSINE,
    DIMENSION,
    RECOVERY,
    Rung,
    dimension_margin,
    judged,
    measured,
)
from llm_validation.claims.planted.ladder_prediction import (
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

PREDICTING = {Scale.QUICK: 4, Scale.THIN: 12, Scale.FULL: 20}


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
    return [judged(setting, NAME, arm) for arm in arms]


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
                "measured": float(measured(setting, arm).mean()),
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
        counted = dimension_margin(setting, rung, count)
        drafts = [(COSINE, cosines, COSINE_MARGIN), (DIMENSION, hidden, counted)]
        if count == TOGETHER:
            drafts.append((RECOVERY, cosines, RECOVERED))
        for unit, predicted, margin in drafts:
            name = f"{rung}, {prompts_in_words(count)}, {unit}"
            prediction = _prediction(layer, trait, alpha, name, unit, predicted, margin, rung)
            data = Rung(rung, count, radius, predicted.astype(float))
            arms.append(Arm(prediction, tuple(cells), data))
    return arms


def _greedy(setting: Setting, layer: int, trait: str, alpha: float, rung: str) -> list[Arm]:
    planted, predicted = alpha * setting.vector(trait, layer), np.ones(1)
    prediction = _prediction(layer, trait, alpha, rung, BALL, predicted, 0.0, rung)
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


def _predicting(setting: Setting) -> tuple[list[int], ...]:
    return setting.prompts.predicting[: PREDICTING[setting.scale]]

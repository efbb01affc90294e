r"""Random combinations from a basis of the epsilon-null space stay within epsilon (N7).

The paper's spanning experiment with two repairs: the directions come from an *orthonormal* basis,
and those of the complement stand beside them at equal displacement norm. The basis is the
eigenvectors of the choosing prompts' metric, parted where the quadratic divergence at radius
alpha ||v|| passes epsilon. Drawn are combinations of k = 1 ... 50 of them, k = 1 being single
directions, with weights uniform on the sphere.

* **null, k** and **complement, k**: the KL is ½ δᵀGδ as other prompts state it, within a factor
  of two, at strengths up to 0.5;
* **null, k, within epsilon**: the KL is at most epsilon, at every strength at which that of a
  random direction would not be.

If every direction acted alike, as the paper reads its figure, null and complement would not differ:
``paper_statistic`` is the ratio of their measured means, null over complement, at the same k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Prediction, result
from llm_validation.claims.displacement.displaced import Draft, displaced_arms, found
from llm_validation.claims.displacement.telling import where_telling
from llm_validation.claims.judgement import (
    ABOVE_FLOOR,
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    at_most,
    reported,
    within_band,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "null_space_spanning"
NUMBER = 7
THEOREM = "N7"
TITLE = "the epsilon-null space is spanned by directions that stay within epsilon"
SCALES = frozenset({Scale.THIN, Scale.FULL})

STRENGTHS = (0.5, 1.0)
SIZES = (1, 2, 5, 10, 20, 50)
"""k, the number of basis vectors in a combination."""

COMBINATIONS = {Scale.QUICK: 3, Scale.THIN: 4, Scale.FULL: 10}
SPANS = ("null", "complement")


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, the spectrum that parts the space, and metrics of prompts that did not."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer) + setting.metric_cells("predicting", layer)
        cells += setting.floor_cells(layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State every KL from the predicting prompts."""
    drafts = [
        _draft(setting, layer, trait, span, size, alpha)
        for layer in setting.layers
        for trait in setting.traits
        for alpha in STRENGTHS
        for span in SPANS
        for size in SIZES
    ]
    return displaced_arms(setting, drafts)


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Hold measured divergences against both predictions."""
    means = {arm.prediction.key: found(setting, arm).mean() for arm in arms}
    rows = []
    for arm in arms:
        span, size = arm.data.extra[1:]
        twin = "complement" if span == "null" else "null"
        other = replace(arm.prediction, arm=_name(twin, size)).key
        ratio = None
        if other in means:
            null, complement = means[arm.prediction.key], means[other]
            ratio = float(null / complement if span == "null" else complement / null)
        rows += _rows(setting, arm, ratio)
    return rows


def combinations(basis: np.ndarray, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) unit vectors, each uniform on the sphere of ``size`` random columns of a basis."""
    units = []
    for _ in range(count):
        columns = rng.choice(basis.shape[1], size, replace=False)
        weights = rng.standard_normal(size)
        units.append(basis[:, columns] @ (weights / np.linalg.norm(weights)))
    return np.array(units)


def _name(span: str, size: int) -> str:
    return f"{span}, k = {size}"


def _draft(setting: Setting, layer: int, trait: str, span: str, size: int, alpha: float) -> Draft:
    radius = alpha * float(np.linalg.norm(setting.vector(trait, layer)))
    spectrum = setting.spectrum(layer)
    rank = spectrum.epsilon_rank(EPSILON, radius)
    vectors = spectrum.eigenvectors
    basis = vectors[:, rank:] if span == "null" else vectors[:, :rank]
    stated: dict[str, Any] = {
        "claim": NAME,
        "theorem": THEOREM,
        "layer": layer,
        "trait": trait,
        "arm": _name(span, size),
        "alpha": alpha,
        "margin": LOG_BAND,
        "unit": "nats",
    }
    if basis.shape[1] < size:
        nothing = Prediction(**stated, prediction=None, prediction_interval=None)
        reason = f"the {span} space at this radius has {basis.shape[1]} dimensions"
        return Draft(nothing, np.zeros((0, setting.width)), None, reason)
    rng = setting.rng(NAME, layer, trait, span, size, round(1000 * alpha))
    displacements = radius * combinations(basis, size, COMBINATIONS[setting.scale], rng)
    quadratic = setting.quadratic_divergences("predicting", layer, displacements).mean(axis=1)
    mean = cluster_bootstrap(
        lambda q: q.mean(axis=1), [quadratic], rng=setting.rng(NAME, "prediction"), positive=True
    )
    prediction = Prediction(
        **stated, prediction=mean.estimate, prediction_interval=(mean.low, mean.high)
    )
    return Draft(prediction, displacements, (quadratic, span, size))


def _rows(setting: Setting, arm: Arm, ratio: float | None) -> list[ClaimResult]:
    measured = found(setting, arm).mean(axis=1)  # (N,)
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(lambda kl: kl.mean(axis=1), [measured], rng=rng, positive=True)
    quadratic, span, _ = arm.data.extra
    counts = {"seeds": arm.data.count, "n_prompts": len(measured)}
    judgement = _band(setting, arm, measured, quadratic)
    rows = [result(setting, arm.prediction, value, judgement, paper_statistic=ratio, **counts)]
    if span == "null":
        limit = replace(arm.prediction, arm=f"{arm.prediction.arm}, within epsilon", margin=EPSILON)
        rows.append(result(setting, limit, value, _within_epsilon(setting, arm, value), **counts))
    return rows


def _within_epsilon(setting: Setting, arm: Arm, value: Interval) -> Judgement:
    layer, alpha = arm.prediction.layer, arm.prediction.alpha
    radius = alpha * float(np.linalg.norm(setting.vector(arm.prediction.trait, layer)))
    limit = at_most(value, EPSILON, "nats")
    return where_telling(limit, setting, layer, radius, last=alpha == max(STRENGTHS))


def _band(setting: Setting, arm: Arm, measured: np.ndarray, quadratic: np.ndarray) -> Judgement:
    judged = arm.prediction.alpha <= FIRST_ORDER_STRENGTH
    floor = setting.divergence_floor(arm.prediction.layer)
    if quadratic.mean() < ABOVE_FLOOR * floor:
        reason = f"predicted below {ABOVE_FLOOR:g} x rounding floor {floor:.1g}"
        return Judgement(None, f"{reason}: reported")
    log_ratio = cluster_bootstrap(
        lambda k, q: np.log(k.mean(axis=1) / q.mean(axis=1)),
        [measured, quadratic],
        rng=setting.rng(NAME, "ratio"),
    )
    judgement = within_band(log_ratio)
    return judgement if judged else reported(judgement)

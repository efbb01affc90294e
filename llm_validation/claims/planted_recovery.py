r"""A planted vector comes back from all logits by least squares, as exactly as R6 says.

Half odd differences of all logits of N prompts are αJv + O(α³) + rounding. Least squares on the
linearisation gives v with an error of O(α²/σ) from curvature and O(1/(ασ)) from rounding along a
singular direction of J, and nothing of what J does not see. Four predictions:

* **rounding, band b**: at a strength so small that curvature is nothing, the squared error in each
  fifth of the spectrum is what the rounding measured on other prompts becomes under the
  pseudo-inverse of their Jacobian, within a factor of two;
* **rounding, N prompts**: the same over the whole space, for each N;
* **whole v, N prompts**: at the same strength the cosine to the planted vector, all of it, is at
  least 0.95 where that rounding and what other prompts' Jacobians leave unseen of v allow it, and
  within 0.1 of what they allow where that is less;
* **curvature**: at strengths where rounding is nothing, the error grows as α²: the slope of its
  logarithm is 2, within a half. The slope of one-sided differences would be 1.

The cosine to v at the strengths of theory.md's table is reported and not judged: the size of the
curvature has no prediction from other prompts. Singular directions below a thousandth of the first
are left out everywhere; of the planted vector as well, but for the cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Prediction, result
from llm_validation.claims.judgement import LOG_BAND, at_least, within, within_band
from llm_validation.claims.null_space.prompt_blocks import blocks, prompts_in_words
from llm_validation.claims.planted.linear_block import LinearBlock
from llm_validation.claims.planted.planted_vectors import names, planted_vectors
from llm_validation.claims.planted.rounding_prediction import (
    expected_cosines,
    rounding_errors,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "planted_recovery"
NUMBER = 11
THEOREM = "R6"
TITLE = "a planted vector is recovered from all logits"
SCALES = frozenset(Scale)

PROMPTS = {Scale.QUICK: (1, 2), Scale.THIN: (1, 2, 4), Scale.FULL: (1, 2, 4, 8)}
PREDICTING = {Scale.QUICK: 4, Scale.THIN: 12, Scale.FULL: 20}
MEASURING = {Scale.QUICK: 6, Scale.THIN: 12, Scale.FULL: 40}
BANDS = 5
BAND_PROMPTS = 2
"""Two prompts see every direction (theory.md section 5), one has N6c's kernel."""

ROUNDING_STRENGTH = 0.001
"""Curvature changes the odd difference by a share that falls as the strength squared: 25 % at 0.25
(theory.md section 5) is 4e-6 here."""

CURVATURE_STRENGTHS = (0.125, 0.25)
"""The squared error of rounding, 4e-3 at 0.001 with two prompts, is 3e-7 here, that of curvature
1e-5 and more (a trait that no run is judged on). At 0.0625 rounding was not nothing."""

REPORTED_STRENGTHS = (0.05, 0.25)

SLOPE, SLOPE_MARGIN = 2.0, 0.5
"""Half a power tells 2 from the 1 of one-sided differences and the 3 of one order more; the next
order in the odd difference is a few per cent of this one."""

RECOVERED = 0.95
"""Cosine from which on a vector counts as recovered, as on the observation ladder: nine tenths of
its energy."""

COSINE_MARGIN = 0.1
"""As there, of a cosine predicted to be less: recovered and mostly lost are farther apart."""

WHOLE = "cosine to all of v"

_STRENGTHS = (ROUNDING_STRENGTH, 0.05, *CURVATURE_STRENGTHS)


@dataclass(frozen=True)
class Planted:
    """``Arm.data``: which of the cell's vectors, how many prompts at once, which directions."""

    vector: int
    count: int
    strengths: tuple[float, ...]
    basis: np.ndarray | None = None  # (d, k); all directions if None
    predicted: np.ndarray | None = None  # (blocks,) squared errors / |v|², or cosines


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, and Jacobians and rounding on the predicting prompts."""
    return setting.vector_cells() + [
        cell for layer in setting.layers for cell in _predicting(setting, layer)
    ]


def predict(setting: Setting) -> list[Arm]:
    """State the errors from the predicting prompts."""
    return [arm for layer in setting.layers for arm in _arms(setting, layer)]


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Recover the vector from blocks of measuring prompts."""
    keys = {(arm.cells, arm.data.count) for arm in arms}
    found = {key: _blocks(setting, *key) for key in keys}
    return [_judged(setting, arm, found[arm.cells, arm.data.count]) for arm in arms]


def _arms(setting: Setting, layer: int) -> list[Arm]:
    cells = _predicting(setting, layer)
    known = {count: _blocks(setting, cells, count) for count in PROMPTS[setting.scale]}
    gram = sum(one["jacobian"].T @ one["jacobian"] for one in map(setting.of, cells))
    bands = np.array_split(np.linalg.eigh(gram)[1][:, ::-1], BANDS, axis=1)
    planted = planted_vectors(setting, NAME, layer)
    prompts = setting.prompts.measuring[: MEASURING[setting.scale]]
    measuring = tuple(_cell(setting, ids, layer, planted) for ids in prompts)
    arms = []
    for index, (trait, kind) in enumerate(names(setting)):
        vector = planted[index]
        drafts = [
            (f"{kind}, {prompts_in_words(count)}", "cosine", Planted(index, count, (alpha,)))
            for count in known
            for alpha in REPORTED_STRENGTHS
        ]
        curvature = Planted(index, BAND_PROMPTS, CURVATURE_STRENGTHS)
        drafts.append((f"curvature, {kind}", "slope", curvature))
        if kind == "v":
            wholes = [(f"rounding, {prompts_in_words(count)}", count, None) for count in known]
            parts = [
                (f"rounding, band {band}", BAND_PROMPTS, basis)
                for band, basis in enumerate(bands, start=1)
            ]
            for count, there in known.items():
                cosines = expected_cosines(there, vector, ROUNDING_STRENGTH)
                data = Planted(index, count, (ROUNDING_STRENGTH,), predicted=cosines)
                drafts.append((f"whole v, {prompts_in_words(count)}", WHOLE, data))
            for name, count, basis in wholes + parts:
                squares = rounding_errors(known[count], vector, ROUNDING_STRENGTH, basis)
                data = Planted(index, count, (ROUNDING_STRENGTH,), basis, squares)
                drafts.append((name, "squared error / |v|²", data))
        for name, unit, data in drafts:
            arms.append(Arm(_prediction(layer, trait, name, unit, data), measuring, data))
    return arms


def _prediction(layer: int, trait: str, arm: str, unit: str, data: Planted) -> Prediction:
    value, ends, margin = None, None, 0.0
    if unit == "slope":
        value, margin = SLOPE, SLOPE_MARGIN
    elif data.predicted is not None:
        value, margin = float(data.predicted.mean()), LOG_BAND
        if unit == WHOLE:
            ends = (float(data.predicted.min()), float(data.predicted.max()))
            margin = RECOVERED if value >= RECOVERED else COSINE_MARGIN
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=max(data.strengths),
        prediction=value,
        prediction_interval=ends,
        margin=margin,
        unit=unit,
        observable="all logits",
    )


def _predicting(setting: Setting, layer: int) -> list[Cell]:
    nothing = np.zeros((0, setting.width))
    prompts = setting.prompts.predicting[: PREDICTING[setting.scale]]
    return [_cell(setting, ids, layer, nothing) for ids in prompts]


def _cell(setting: Setting, ids: list[int], layer: int, vectors: np.ndarray) -> Cell:
    return setting.cell(
        "odd_differences",
        f"all logits, odd differences, layer {layer}",
        ids=ids,
        layer=layer,
        vectors=vectors,
        strengths=list(_STRENGTHS),
        seed=setting.seed,
    )


def _blocks(setting: Setting, cells: Sequence[Cell], count: int) -> list[LinearBlock]:
    """Disjoint blocks of so many prompts."""
    found = [setting.of(cell) for cell in cells]
    return [LinearBlock.of([found[i] for i in rows]) for rows in blocks(len(found), count)]


def _judged(setting: Setting, arm: Arm, found: Sequence[LinearBlock]) -> ClaimResult:
    data, prediction = arm.data, arm.prediction
    vector = planted_vectors(setting, NAME, prediction.layer)[data.vector]
    estimates = np.array(
        [
            [block.recovered(data.vector, _STRENGTHS.index(a)) / a for a in data.strengths]
            for block in found
        ]
    )  # (blocks, strengths, d)
    rng = setting.rng(NAME, "measured")
    if prediction.unit in ("cosine", WHOLE):
        sizes = np.linalg.norm(estimates[:, 0], axis=1) * np.linalg.norm(vector)
        cosines = estimates[:, 0] @ vector / sizes
        value = cluster_bootstrap(lambda x: x.mean(axis=1), [cosines], rng=rng)
        judgement = Judgement(None, "the size of the curvature is not predicted")
        if prediction.unit == WHOLE:
            judgement = _whole(value, prediction.prediction or 0.0)
    else:
        seen = np.array([vector @ block.directions.T @ block.directions for block in found])
        errors = estimates - seen[:, None]
        errors = errors if data.basis is None else errors @ data.basis
        squares = np.sum(errors**2, axis=-1) / (vector @ vector)  # (blocks, strengths)
        value, judgement = _compared(prediction, data, squares, rng)
    return result(
        setting,
        prediction,
        value,
        judgement,
        seeds=len(found),
        n_prompts=data.count * len(found),
    )


def _whole(value: Interval, predicted: float) -> Judgement:
    if predicted >= RECOVERED:
        return at_least(value, RECOVERED, "cosine")
    return within(value, predicted - COSINE_MARGIN, predicted + COSINE_MARGIN, "cosine")


def _compared(
    prediction: Prediction, data: Planted, squares: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
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

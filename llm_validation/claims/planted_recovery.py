r"""A planted vector comes back from all logits by least squares, as exactly as R6 says.

Half odd differences of all logits of N prompts are αJv + O(α³) + rounding. Least squares on the
linearisation gives v with an error of O(α²/σ) from curvature and O(1/(ασ)) from rounding along a
singular direction of J, and nothing of what J does not see. Three predictions:

* **rounding, band b**: at a strength so small that curvature is nothing, the squared error in each
  fifth of the spectrum is what the rounding measured on other prompts becomes under the
  pseudo-inverse of their Jacobian, within a factor of two;
* **rounding, N prompts**: the same over the whole space, for each N;
* **curvature**: at strengths where rounding is nothing, the error grows as α²: the slope of its
  logarithm is 2, within a half. The slope of one-sided differences would be 1.

The cosine to v at the strengths of theory.md's table is reported and not judged: the size of the
curvature has no prediction from other prompts. The singular directions below a thousandth of the
first are left out everywhere, in the planted vector as well: they are what stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Prediction, result
from llm_validation.claims.judgement import LOG_BAND, within, within_band
from llm_validation.claims.null_space.prompt_blocks import blocks, prompts_in_words
from llm_validation.claims.planted.linear_block import LinearBlock
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

_STRENGTHS = (ROUNDING_STRENGTH, 0.05, *CURVATURE_STRENGTHS)


@dataclass(frozen=True)
class Planted:
    """``Arm.data``: which of the cell's vectors, how many prompts at once, which directions."""

    vector: int
    count: int
    strengths: tuple[float, ...]
    basis: np.ndarray | None = None  # (d, k); all directions if None
    predicted: np.ndarray | None = None  # (blocks,) squared errors relative to the vector


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
    planted = _vectors(setting, layer)
    measuring = tuple(_measuring(setting, layer, planted))
    arms = []
    for index, (trait, kind) in enumerate(_names(setting)):
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
            for name, count, basis in wholes + parts:
                squares = _rounding_errors(known[count], vector, basis)
                data = Planted(index, count, (ROUNDING_STRENGTH,), basis, squares)
                drafts.append((name, "squared error / |v|²", data))
        for name, unit, data in drafts:
            arms.append(Arm(_prediction(layer, trait, name, unit, data), measuring, data))
    return arms


def _prediction(layer: int, trait: str, arm: str, unit: str, data: Planted) -> Prediction:
    value, margin = None, 0.0
    if unit == "slope":
        value, margin = SLOPE, SLOPE_MARGIN
    elif data.predicted is not None:
        value, margin = float(data.predicted.mean()), LOG_BAND
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=max(data.strengths),
        prediction=value,
        prediction_interval=None,
        margin=margin,
        unit=unit,
        observable="all logits",
    )


def _names(setting: Setting) -> list[tuple[str, str]]:
    """Trait and kind of each planted vector of a layer, in order."""
    return [(trait, kind) for trait in setting.traits for kind in ("v", "random")]


def _vectors(setting: Setting, layer: int) -> np.ndarray:
    """(k, d): of each trait its vector, and a random one as long."""
    rows = []
    for trait in setting.traits:
        vector = setting.vector(trait, layer)
        draw = setting.rng(NAME, layer, trait).standard_normal(vector.size)
        rows += [vector, draw * np.linalg.norm(vector) / np.linalg.norm(draw)]
    return np.array(rows)


def _predicting(setting: Setting, layer: int) -> list[Cell]:
    nothing = np.zeros((0, setting.width))
    prompts = setting.prompts.predicting[: PREDICTING[setting.scale]]
    return [_cell(setting, ids, layer, nothing) for ids in prompts]


def _measuring(setting: Setting, layer: int, vectors: np.ndarray) -> list[Cell]:
    prompts = setting.prompts.measuring[: MEASURING[setting.scale]]
    return [_cell(setting, ids, layer, vectors) for ids in prompts]


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


def _rounding_errors(
    found: Sequence[LinearBlock], vector: np.ndarray, basis: np.ndarray | None
) -> np.ndarray:
    """(blocks,) squared errors that rounding makes, relative to |v|², averaged over its samples."""
    errors = [block.rounding(ROUNDING_STRENGTH) for block in found]
    errors = errors if basis is None else [error @ basis for error in errors]
    return np.array([np.mean(np.sum(e**2, axis=1)) for e in errors]) / (vector @ vector)


def _judged(setting: Setting, arm: Arm, found: Sequence[LinearBlock]) -> ClaimResult:
    data, prediction = arm.data, arm.prediction
    vector = _vectors(setting, prediction.layer)[data.vector]
    estimates = np.array(
        [
            [
                block.recovered(data.vector, _STRENGTHS.index(alpha)) / alpha
                for alpha in data.strengths
            ]
            for block in found
        ]
    )  # (blocks, strengths, d)
    rng = setting.rng(NAME, "measured")
    if prediction.unit == "cosine":
        sizes = np.linalg.norm(estimates[:, 0], axis=1) * np.linalg.norm(vector)
        cosines = estimates[:, 0] @ vector / sizes
        value = cluster_bootstrap(lambda x: x.mean(axis=1), [cosines], rng=rng)
        judgement = Judgement(None, "the size of the curvature is not predicted")
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

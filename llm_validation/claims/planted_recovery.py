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
  logarithm is 2, within a half. The slope of one-sided differences would be 1. Where rounding is
  more than a tenth of the squared error after all, nothing is concluded.

A row of N prompts is judged only if a full run has six disjoint blocks of N measuring prompts (N up
to 6 of 40) and, unless it is a row of whole v, six of N predicting prompts (N up to 3 of 20). Other
rows are reported.

The cosine to v at the strengths of theory.md's table is reported and not judged: the size of the
curvature has no prediction from other prompts. ``LeastSquaresRecovery`` makes every estimate; it
gives up singular directions below a thousandth of the first everywhere, and of the planted vector
as well, but for the cosines. How many dimensions it says beforehand that it cannot give back stands
beside each cosine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import COSINE_MARGIN, LOG_BAND, RECOVERED, reported
from llm_validation.claims.null_space.prompt_blocks import (
    blocks,
    enough_blocks,
    prompts_in_words,
)
from llm_validation.claims.planted.foreseen import beside
from llm_validation.claims.planted.linear_block import LinearBlock, in_words
from llm_validation.claims.planted.planted_vectors import names, planted_vectors
from llm_validation.claims.planted.recovered_vector import (
    SLOPE,
    SLOPE_MARGIN,
    WHOLE,
    Planted,
    judged_cosine,
    judged_size,
    judged_slope,
)
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

_STRENGTHS = (ROUNDING_STRENGTH, 0.05, *CURVATURE_STRENGTHS)


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
    keys = {(arm.prediction.layer, arm.cells, arm.data.count) for arm in arms}
    found = {key: _blocks(setting, *key) for key in keys}
    return [
        _judged(setting, arm, found[arm.prediction.layer, arm.cells, arm.data.count])
        for arm in arms
    ]


def _arms(setting: Setting, layer: int) -> list[Arm]:
    cells = tuple(_predicting(setting, layer))
    known = {count: _blocks(setting, layer, cells, count) for count in PROMPTS[setting.scale]}
    said = {count: in_words(there) for count, there in known.items()}
    gram = sum(one["jacobian"].T @ one["jacobian"] for one in map(setting.of, cells))
    bands = np.array_split(Spectrum.of(gram, metric=True).eigenvectors, BANDS, axis=1)
    planted = planted_vectors(setting, NAME, layer)
    prompts = setting.prompts.measuring[: MEASURING[setting.scale]]
    measuring = tuple(_cell(setting, ids, layer, planted) for ids in prompts)
    arms = []
    for index, (trait, kind) in enumerate(names(setting)):
        vector = planted[index]
        drafts = [
            (f"{kind}, {prompts_in_words(n)}", "cosine", Planted(index, n, (alpha,), said[n]))
            for n in known
            for alpha in REPORTED_STRENGTHS
        ]
        curvature = Planted(index, BAND_PROMPTS, CURVATURE_STRENGTHS, said[BAND_PROMPTS])
        drafts.append((f"curvature, {kind}", "slope", curvature))
        if kind == "v":
            wholes = [(f"rounding, {prompts_in_words(count)}", count, None) for count in known]
            parts = [
                (f"rounding, band {band}", BAND_PROMPTS, basis)
                for band, basis in enumerate(bands, start=1)
            ]
            alphas = (ROUNDING_STRENGTH,)
            for n, there in known.items():
                cosines = expected_cosines(there, vector, ROUNDING_STRENGTH)
                data = Planted(index, n, alphas, said[n], predicted=cosines)
                drafts.append((f"whole v, {prompts_in_words(n)}", WHOLE, data))
            for name, n, basis in wholes + parts:
                squares = rounding_errors(known[n], vector, ROUNDING_STRENGTH, basis)
                data = Planted(index, n, alphas, said[n], basis, squares)
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


def _blocks(setting: Setting, layer: int, cells: Sequence[Cell], count: int) -> list[LinearBlock]:
    """Disjoint blocks of so many prompts."""
    found = [setting.of(cell) for cell in cells]
    first = planted_vectors(setting, NAME, layer)[0]
    return [LinearBlock.of([found[i] for i in rows], first) for rows in blocks(len(found), count)]


def _is_judged(unit: str, count: int) -> bool:
    """Whether a full run has blocks enough, also of those prompts that predict an error."""
    sizes = [MEASURING] if unit == WHOLE else [PREDICTING, MEASURING]
    return enough_blocks(count, *(size[Scale.FULL] for size in sizes))


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
        value, judgement = judged_cosine(prediction, estimates[:, 0] @ vector / sizes, rng)
        judgement = beside(judgement, data.foreseen, in_words(found))
    else:
        errors = estimates - np.array([block.seen(vector) for block in found])[:, None]
        errors = errors if data.basis is None else errors @ data.basis
        squares = np.sum(errors**2, axis=-1) / (vector @ vector)  # (blocks, strengths)
        if data.predicted is not None:
            value, judgement = judged_size(data.predicted, squares[:, 0], rng)
        else:
            weak, strong = data.strengths
            rounding = rounding_errors(found, vector, weak, data.basis)
            value, judgement = judged_slope((weak, strong), squares, rounding, rng)
    if not _is_judged(prediction.unit, data.count):
        judgement = reported(judgement)
    return result(
        setting,
        prediction,
        value,
        judgement,
        seeds=len(found),
        n_prompts=data.count * len(found),
    )

r"""Layers help through new reads, one dimension a read, and through nothing else (R4).

A vector is planted after one block and read at later ones, m fixed random directions of the last
token's state at each; nothing else changes with it, so that this is the full state. Predictions for
K layers read together, on one prompt:

* **dimension** of the class: d - mK, down to 0: the generic rank, exactly and on every prompt;
* **cosine** of the least-squares vector, from odd differences, to the planted one: that of the
  vector to the row space of the same reads on other prompts, within 0.1;
* **consistency**: imposing that states of layers in between follow from each other, while still
  reading the last layer alone, adds no row: the map through the middle layer is the map. True by
  the chain rule, and so a check of the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import on_every, within
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "layers"
NUMBER = 14
THEOREM = "R4"
TITLE = "later layers help through new reads only"
SCALES = frozenset({Scale.THIN, Scale.FULL})

LAYERS_READ = 6
PREDICTING = {Scale.THIN: 6, Scale.FULL: 8}
MEASURING = {Scale.THIN: 6, Scale.FULL: 20}

ALPHA = 0.05
"""Odd differences at this strength are linear to one part in a hundred or better (theory.md
section 5: cosine 0.9999 from eight prompts)."""

RELATIVE_CUT = 1e-5
"""Of singular values, to the largest: ten times what float32 leaves in a row."""

COSINE_MARGIN = 0.1
"""As on the observation ladder."""

DIMENSION, COSINE, ADDED = "dimensions", "cosine", "rows added"


@dataclass(frozen=True)
class Reads:
    """``Arm.data``: how many layers are read, which planted vector, predictions by prompt."""

    layers: int
    vector: int
    predicted: np.ndarray


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, and the reads' rows on the predicting prompts."""
    nothing = np.zeros((0, setting.width))
    return setting.vector_cells() + [
        _cell(setting, ids, layer, nothing)
        for layer in _layers(setting)
        for ids in setting.prompts.predicting[: PREDICTING[setting.scale]]
    ]


def predict(setting: Setting) -> list[Arm]:
    """State dimensions from the count of reads, and cosines from other prompts."""
    return [arm for layer in _layers(setting) for arm in _arms(setting, layer)]


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Count ranks and recover the vectors on the measuring prompts."""
    return [_judged(setting, arm) for arm in arms]


def _arms(setting: Setting, layer: int) -> list[Arm]:
    nothing = np.zeros((0, setting.width))
    prompts = setting.prompts.predicting[: PREDICTING[setting.scale]]
    known = [setting.of(_cell(setting, ids, layer, nothing))["rows"] for ids in prompts]
    vectors = np.array([setting.vector(trait, layer) for trait in setting.traits])
    chosen = setting.prompts.measuring[: MEASURING[setting.scale]]
    cells = tuple(_cell(setting, ids, layer, ALPHA * vectors) for ids in chosen)
    arms = []

    def add(name: str, trait: str, unit: str, data: Reads) -> None:
        prediction = Prediction(
            claim=NAME,
            theorem=THEOREM,
            layer=layer,
            trait=trait,
            arm=name,
            alpha=ALPHA,
            prediction=float(data.predicted.mean()),
            prediction_interval=None,
            margin=COSINE_MARGIN if unit == COSINE else 0.0,
            identity=unit == ADDED,
            unit=unit,
            observable=f"{_reads(setting)} reads of the state at each later layer",
            regime="white box, multi-layer",
        )
        arms.append(Arm(prediction, cells, data))

    for count in range(1, len(_later(setting, layer)) + 1):
        left = max(0, setting.width - count * _reads(setting))
        said = f"{count} later layer{'s' * (count > 1)} read"
        data = Reads(count, 0, np.array([float(left)]))
        add(f"{said}, dimension", "any vector", DIMENSION, data)
        for place, (trait, vector) in enumerate(zip(setting.traits, vectors, strict=True)):
            shares = [float(np.linalg.norm(_row_space(rows[:count]) @ vector)) for rows in known]
            data = Reads(count, place, np.array(shares) / np.linalg.norm(vector))
            add(f"{said}, cosine", trait, COSINE, data)
    data = Reads(0, 0, np.zeros(1))
    add("consistency, no new read", "any vector", ADDED, data)
    return arms


def _judged(setting: Setting, arm: Arm) -> ClaimResult:
    prediction, data = arm.prediction, arm.data
    measured = np.array([_measured(setting, arm, dict(setting.of(cell))) for cell in arm.cells])
    if prediction.unit != COSINE:
        exact = float(data.predicted[0])
        judgement = on_every(measured, exact, exact, prediction.unit)
        value = spread(measured, float(np.median(measured)))
        return result(setting, prediction, value, judgement, seeds=1, n_prompts=len(measured))
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [measured], rng=rng)
    apart = cluster_bootstrap(
        lambda m, p: m.mean(axis=1) - p.mean(axis=1), [measured, data.predicted], rng=rng
    )
    judgement = within(apart, -prediction.margin, prediction.margin, "measured - predicted")
    return result(setting, prediction, value, judgement, seeds=1, n_prompts=len(measured))


def _measured(setting: Setting, arm: Arm, found: dict[str, np.ndarray]) -> float:
    """The arm's quantity on one prompt."""
    rows, data = found["rows"], arm.data
    if arm.prediction.unit == ADDED:
        last = rows[-1]
        return float(len(_row_space(np.vstack([last, found["chained"]]))) - len(_row_space(last)))
    seen = rows[: data.layers].reshape(-1, setting.width)
    if arm.prediction.unit == DIMENSION:
        return float(setting.width - len(_row_space(seen)))
    response = found["responses"][data.vector, : data.layers].reshape(-1)
    estimate = np.linalg.pinv(seen, rcond=RELATIVE_CUT) @ response
    trait = list(setting.traits)[data.vector]
    vector = setting.vector(trait, arm.prediction.layer)
    sizes = np.linalg.norm(estimate) * np.linalg.norm(vector)
    return float(estimate @ vector / sizes)


def _row_space(rows: np.ndarray) -> np.ndarray:
    """(r, d) orthonormal basis of what the rows (..., d) see."""
    stack = rows.reshape(-1, rows.shape[-1])
    _, values, right = np.linalg.svd(stack, full_matrices=False)
    return right[values > RELATIVE_CUT * values[0]]


def _layers(setting: Setting) -> list[int]:
    """Those with at least two layers after them."""
    return [layer for layer in setting.layers if layer + 2 < setting.model.layers]


def _later(setting: Setting, layer: int) -> list[int]:
    """Up to six layers, evenly spaced, from the next to the last."""
    every = np.linspace(layer + 1, setting.model.layers - 1, LAYERS_READ).round().astype(int)
    return [int(one) for one in dict.fromkeys(every)]


def _reads(setting: Setting) -> int:
    """m: six layers of them are a little more than d, so that the class closes at the last."""
    return setting.width // LAYERS_READ + 4


def _cell(setting: Setting, ids: list[int], layer: int, displacements: np.ndarray) -> Cell:
    return setting.cell(
        "later_reads",
        f"reads of later layers, layer {layer}",
        ids=ids,
        layer=layer,
        later=_later(setting, layer),
        reads=_reads(setting),
        displacements=displacements,
        seed=setting.seed,
    )

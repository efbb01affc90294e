r"""Layers help through new reads, one dimension a read, and through nothing else (R4).

A vector is planted after one block and read at later ones, m fixed random directions of the last
token's state at each; nothing else changes with it, so that this is the full state. Predictions for
K layers read together, on one prompt:

* **dimension** of the class: d - mK, down to 0: the generic rank, exactly and on every prompt;
* **cosine** of the recovered vector, from odd differences, to the planted one: that of the vector
  to the row space of the same reads on other prompts, within 0.1;
* **consistency**: imposing that states of layers in between follow from each other, while still
  reading the last layer alone, adds no row: the map through the middle layer is the map. True by
  the chain rule, and so a check of the code.

``CrossLayerRecovery`` makes every estimate, of reads pulled back to the planted layer, and its gap
condition decides whether a dimension counts. Where singular values run through the level of float32
errors, it cannot be told at which of them zero begins. That was changed after a first look at one
prompt of SmolLM2 (layer 15 of 30): whatever lay below the level was called zero, and the row of all
six layers judged *refuted*, 1 dimension for the 0 predicted. The prediction holds: in float64 the
smallest singular value is 2.3e-6, 9.4e-6 and 5.3e-6 of the largest on three prompts, nine digits
above rounding, and the rank is d. No symmetry loses the direction. Block 16 all but erases it (on
the first prompt its cosine to the last singular direction of that block is 0.9994, of singular
value 2e-3 where most are near 1), the blocks after it shrink it further, and the reads of layer 16
have more to tell apart than it: were every coordinate read at all six layers, 5.2e-5 would be left.
The level was set before and stays; beside it six layers of reads are now undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.regime import MULTI_LAYER
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, Prediction, result
from llm_validation.claims.judgement import COSINE_MARGIN, on_every, within
from llm_validation.claims.planted.foreseen import beside
from llm_validation.claims.planted.layer_reads import (
    CHAINED,
    Fitted,
    fit,
    in_words,
    pulled_back,
    responses,
)
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

DIMENSION, COSINE, ADDED = "dimensions", "cosine", "rows added"


@dataclass(frozen=True)
class Reads:
    """``Arm.data``: how many layers are read, which planted vector, predictions by prompt.

    ``foreseen`` is what the estimator said of the predicting prompts.
    """

    layers: int
    vector: int
    predicted: np.ndarray
    foreseen: str = ""


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
    """Count dimensions and recover the vectors on the measuring prompts."""
    found: dict[tuple[int, int], list[Fitted]] = {}
    for arm in arms:
        key = (arm.prediction.layer, arm.data.layers)
        if key not in found:
            measured = [setting.of(cell) for cell in arm.cells]
            vectors = _vectors(setting, key[0])
            found[key] = [
                fit(pulled_back(one, key[1]), vectors, responses(one, key[1])) for one in measured
            ]
    return [_judged(setting, arm, found[arm.prediction.layer, arm.data.layers]) for arm in arms]


def _arms(setting: Setting, layer: int) -> list[Arm]:
    nothing = np.zeros((0, setting.width))
    prompts = setting.prompts.predicting[: PREDICTING[setting.scale]]
    known = [setting.of(_cell(setting, ids, layer, nothing)) for ids in prompts]
    vectors = _vectors(setting, layer)
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
            regime=MULTI_LAYER,
        )
        arms.append(Arm(prediction, cells, data))

    for count in range(1, len(_later(setting, layer)) + 1):
        left = max(0, setting.width - count * _reads(setting))
        fitted = [fit(pulled_back(one, count), vectors) for one in known]
        foreseen = in_words(fitted)
        said = f"{count} later layer{'s' * (count > 1)} read"
        data = Reads(count, 0, np.array([float(left)]), foreseen)
        add(f"{said}, dimension", "any vector", DIMENSION, data)
        for place, trait in enumerate(setting.traits):
            data = Reads(count, place, np.array([f.cosines[place] for f in fitted]), foreseen)
            add(f"{said}, cosine", trait, COSINE, data)
    add("consistency, no new read", "any vector", ADDED, Reads(CHAINED, 0, np.zeros(1)))
    return arms


def _judged(setting: Setting, arm: Arm, found: Sequence[Fitted]) -> ClaimResult:
    prediction, data = arm.prediction, arm.data
    rng = setting.rng(NAME, "measured")
    if prediction.unit == COSINE:
        measured = np.array([one.cosines[data.vector] for one in found])
        value = cluster_bootstrap(lambda x: x.mean(axis=1), [measured], rng=rng)
        apart = cluster_bootstrap(
            lambda m, p: m.mean(axis=1) - p.mean(axis=1), [measured, data.predicted], rng=rng
        )
        judgement = within(apart, -prediction.margin, prediction.margin, "measured - predicted")
    else:
        added = prediction.unit == ADDED
        measured = np.array([one.added if added else one.dimension for one in found])
        judgement = _exactly(float(data.predicted[0]), measured, found, prediction.unit)
        value = spread(measured, float(np.median(measured)))
    if data.foreseen:
        judgement = beside(judgement, data.foreseen, in_words(found))
    return result(setting, prediction, value, judgement, seeds=1, n_prompts=len(found))


def _exactly(
    expected: float, measured: np.ndarray, found: Sequence[Fitted], unit: str
) -> Judgement:
    """Verdict on the prompts whose spectrum has a gap; one that is off refutes, none is skipped."""
    decided = np.array([one.decided for one in found])
    off = decided & (measured != expected)
    if off.any() or decided.all():
        return on_every(measured[decided], expected, expected, unit)
    reason = f"no gap in {np.sum(~decided)} of {len(found)} instances: {unit} undecided there"
    return Judgement(Outcome.INCONCLUSIVE, reason)


def _vectors(setting: Setting, layer: int) -> np.ndarray:
    """(k, d), one for each trait."""
    return np.array([setting.vector(trait, layer) for trait in setting.traits])


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

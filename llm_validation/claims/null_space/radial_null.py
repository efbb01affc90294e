r"""Rows of claim 10 about the pulled-back radial direction (N6c, N2b).

The norm before the head does not see the length of the last state, so that at one prompt and one
strength the direction (dh_L/dh_l)^{-1} h_L is null at every layer l, up to the epsilon of the norm.
Each prompt and each strength has another one: a second of either removes it. Predicted and held
against the singular values of the exact Jacobian, in float64:

* **null at one prompt**: the singular value is nothing beside the next one;
* **where predicted**: its direction is the pulled-back one, computed without norm or head;
* **gone with a second prompt**, **gone with a second strength**: the stack has the full rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum
from llm_validation.claims.claim import ANY, Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import on_every
from llm_validation.claims.null_space.exact_cells import (
    hidden_directions,
    jacobian_cell,
    lost_at_one_prompt,
    radial_cell,
    symmetry_cell,
)
from llm_validation.claims.null_space.prompt_blocks import blocks
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

PROMPTS = {Scale.QUICK: 2, Scale.THIN: 2, Scale.FULL: 8}
STRONG_PROMPTS = {Scale.QUICK: 1, Scale.THIN: 1, Scale.FULL: 4}
"""Measuring prompts whose Jacobians are taken at two strengths as well."""

STRENGTHS = (0.5, 1.0)
FURTHER_LAYERS = 6
"""At full scale this many layers, evenly spaced, are looked at with two prompts besides."""

RATIO = 1e-3
"""Of a null singular value to the next one: in theory about epsilon over the mean square of the
last state, 1e-5 or less; neighbours in a spectrum without null directions differ by percents."""

SINE = 1e-3
"""Of the angle to the predicted direction: rounding of a solve of condition 1e6 leaves 1e-9, the
norm's epsilon 1e-5; a wrong direction of d = 576 is at 1 - 1e-3."""


def radial_arms(setting: Setting, claim: str) -> list[Arm]:
    """Null at one prompt, at the predicted place, and gone with another prompt or strength."""
    if not setting.of(symmetry_cell(setting))["final_norm"]:
        stated = _prediction(claim, setting.layers[0], "null at one prompt", 0.0, RATIO, "ratio")
        return [Arm(stated, (), None, "no norm comes between the last block and the output")]
    arms = []
    count = PROMPTS[setting.scale]
    for layer in setting.layers:
        arms += _arms_of_layer(setting, claim, layer, setting.prompts.measuring[:count])
        arms.append(_strength_arm(setting, claim, layer))
    for layer in further_layers(setting):
        arms += _arms_of_layer(setting, claim, layer, setting.prompts.measuring[:2])
    return arms


def further_layers(setting: Setting) -> list[int]:
    """Layers besides those of the setting; none but at full scale."""
    if setting.scale is not Scale.FULL:
        return []
    spaced = np.linspace(0, setting.model.layers - 1, FURTHER_LAYERS).round().astype(int)
    return [int(layer) for layer in dict.fromkeys(spaced) if layer not in setting.layers]


def radial_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Of one arm, over all its prompts."""
    kind, factors = arm.data
    jacobians = [setting.of(cell)["factor"] for cell in arm.cells[:factors]]
    hidden = hidden_directions(setting)
    null = hidden + lost_at_one_prompt(setting, arm.prediction.layer)
    if kind == "rank":
        stacks = [np.concatenate([jacobians[i] for i in pair]) for pair in blocks(factors, 2)]
        values = np.array([float(Spectrum.of(stack, metric=False).rank()) for stack in stacks])
        rank = float(setting.width - hidden)
        judgement = on_every(values, rank, rank, "rank")
    elif kind == "ratio":
        values = np.array([_null_ratio(jacobian, null) for jacobian in jacobians])
        judgement = on_every(values, -np.inf, RATIO, "null over next singular value")
    else:
        directions = [setting.of(cell)["direction"] for cell in arm.cells[factors:]]
        values = np.array(
            [
                _sine(jacobian, direction, null)
                for jacobian, direction in zip(jacobians, directions, strict=True)
            ]
        )
        judgement = on_every(values, -np.inf, SINE, "sine of the angle")
    worst = float(values.min() if kind == "rank" else values.max())
    value = spread(values, worst)
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=len(values))


def _arms_of_layer(
    setting: Setting, claim: str, layer: int, prompts: Sequence[list[int]]
) -> list[Arm]:
    jacobians = tuple(jacobian_cell(setting, ids, layer) for ids in prompts)
    radial = tuple(radial_cell(setting, ids, layer) for ids in prompts)
    rank = float(setting.width - hidden_directions(setting))
    return [
        Arm(
            _prediction(claim, layer, "null at one prompt", 0.0, RATIO, "ratio"),
            jacobians,
            ("ratio", len(jacobians)),
        ),
        Arm(
            _prediction(claim, layer, "where predicted", 0.0, SINE, "sine"),
            (*jacobians, *radial),
            ("sine", len(jacobians)),
        ),
        Arm(
            _prediction(claim, layer, "gone with a second prompt", rank, 0.0, "rank"),
            jacobians,
            ("rank", len(jacobians)),
        ),
    ]


def _strength_arm(setting: Setting, claim: str, layer: int) -> Arm:
    vector = setting.vector(next(iter(setting.traits)), layer)
    prompts = setting.prompts.measuring[: STRONG_PROMPTS[setting.scale]]
    # Two strengths of a prompt are neighbours. A factor of alpha leaves a rank as it is.
    cells: tuple[Cell, ...] = tuple(
        jacobian_cell(setting, ids, layer, displacement=alpha * vector)
        for ids in prompts
        for alpha in STRENGTHS
    )
    rank = float(setting.width - hidden_directions(setting))
    arm = "gone with a second strength"
    stated = _prediction(claim, layer, arm, rank, 0.0, "rank", theorem="N2b", alpha=STRENGTHS[-1])
    return Arm(stated, cells, ("rank", len(cells)))


def _prediction(
    claim: str, layer: int, arm: str, value: float, margin: float, unit: str, **more: Any
) -> Prediction:
    stated: dict[str, Any] = {"theorem": "N6", "alpha": 0.0} | more
    return Prediction(
        claim=claim,
        layer=layer,
        trait=ANY,
        arm=f"radial direction, {arm}",
        prediction=value,
        prediction_interval=None,
        margin=margin,
        unit=unit,
        **stated,
    )


def _null_ratio(jacobian: np.ndarray, null: int) -> float:
    """Largest of the last ``null`` singular values over the one before them."""
    values = np.linalg.svd(jacobian, compute_uv=False)
    return float(values[-null] / values[-null - 1])


def _sine(jacobian: np.ndarray, direction: np.ndarray, null: int) -> float:
    """Between a unit direction and the last ``null`` right singular vectors."""
    seen = np.linalg.svd(jacobian)[2][:-null]
    return float(np.linalg.norm(seen @ direction))

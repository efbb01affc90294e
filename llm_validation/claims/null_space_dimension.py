r"""Dimension of the null space: exact, epsilon-null, and as the paper's probes count it (N3, N7).

Four kinds of rows at each layer, predicted from choosing and predicting prompts alone:

* **rank, N prompts**: the rank, in float64, of the stacked Jacobians of N prompts' logits without
  what the softmax does not see. By N3 and N6 it is d from two prompts on and d - 1 at one prompt,
  where the pulled-back radial direction is null up to the epsilon of the final norm; one less
  throughout in a pre-LN model with LayerNorm. An exact statement: one exception refutes it.
* **epsilon-null, N prompts, eps**: how many directions of the mean metric stay within epsilon nats
  at the radius of the trait's vector, on blocks of N prompts on which nothing was predicted.
* **effective rank, N prompts**, without a verdict: no theorem says what it is.
* **probes**: which share of the space the paper's finite-difference probes call null at their
  threshold. It is predicted from the *exact* spectrum, in which nearly every direction is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.claim import Arm, ClaimResult
from llm_validation.claims.null_space.epsilon_dimension import (
    block_spectra,
    dimension_arms,
    dimension_row,
    growing_spectra,
)
from llm_validation.claims.null_space.exact_rank import (
    choosing_jacobians,
    rank_arms,
    rank_preparation,
    rank_row,
)
from llm_validation.claims.null_space.probe_estimate import probe_arms, probe_row
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "null_space_dimension"
NUMBER = 6
THEOREM = "N3, N7"
TITLE = "the null space is nearly empty, the epsilon-null space large"
SCALES = frozenset(Scale)


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, metrics and Jacobians of prompts on which nothing is measured."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer) + setting.metric_cells("predicting", layer)
        cells += rank_preparation(setting, layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State ranks by theorem, the rest by what other prompts show."""
    arms = []
    for layer in setting.layers:
        arms += rank_arms(setting, NAME, layer)
        arms += probe_arms(setting, NAME, layer, choosing_jacobians(setting, layer))
        arms += dimension_arms(setting, NAME, layer)
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Take ranks, dimensions and probe counts on the measuring prompts."""
    spectra: dict[tuple[int, int], np.ndarray] = {}
    rows = []
    for arm in arms:
        kind = arm.prediction.arm.split(",")[0]
        if kind == "rank":
            rows.append(rank_row(setting, arm))
        elif kind == "probes":
            rows.append(probe_row(setting, arm))
        else:
            key = (arm.prediction.layer, arm.data.prompts)
            if key not in spectra:
                spectra[key] = block_spectra(setting, arm)
            rows.append(dimension_row(setting, arm, spectra[key]))
    return rows


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Spectrum of the mean metric over 1 to 64 prompts of all three parts together."""
    layers = dict.fromkeys(arm.prediction.layer for arm in arms)
    return [curve for layer in layers for curve in growing_spectra(setting, layer)]

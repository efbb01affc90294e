"""First-order distances of the logits, from Jacobians of prompts on which nothing is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.null_space.exact_cells import jacobian_cell
from llm_validation.setting import Setting


def jacobian_cells(setting: Setting, layer: int, count: int) -> list[Cell]:
    """Of the first ``count`` predicting prompts."""
    return [jacobian_cell(setting, ids, layer) for ids in setting.prompts.predicting[:count]]


def predicted_distances(
    setting: Setting, jacobians: Sequence[Cell], displacements: np.ndarray, *, centred: bool
) -> np.ndarray:
    """(N, k) ||J delta|| on N prompts for (k, d); ``centred``: less what no softmax sees."""
    rows = []
    for cell in jacobians:
        found = setting.of(cell)
        squares = ((displacements @ found["factor"].T) ** 2).sum(axis=1)
        if not centred:
            squares = squares + (displacements @ found["common"]) ** 2
        rows.append(np.sqrt(squares))
    return np.array(rows)

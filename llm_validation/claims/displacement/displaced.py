"""Arms that displace a state and look at the next token; those of a layer share their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_validation.claims.claim import Arm, Prediction
from llm_validation.setting import Setting


@dataclass(frozen=True)
class Draft:
    """An arm before its cells are known.

    Attributes
    ----------
    prediction
        What is predicted of it.
    displacements
        (k, d) added to the state at the last prompt token.
    extra
        What the claim needs to judge it.
    unmeasurable
        Why there is nothing to measure, if so.
    """

    prediction: Prediction
    displacements: np.ndarray
    extra: Any = None
    unmeasurable: str | None = None


@dataclass(frozen=True)
class Displaced:
    """``Arm.data`` of such an arm: its columns among the measured displacements."""

    columns: slice
    extra: Any

    @property
    def count(self) -> int:
        """Displacements of the arm."""
        return self.columns.stop - self.columns.start


def displaced_arms(setting: Setting, drafts: Sequence[Draft]) -> list[Arm]:
    """Arms with one cell for each measuring prompt and layer, which takes all displacements."""
    arms = []
    for layer in setting.layers:
        some = [draft for draft in drafts if draft.prediction.layer == layer]
        ends = np.cumsum([0] + [len(draft.displacements) for draft in some])
        if ends[-1] == 0:
            cells = ()
        else:
            everything = np.concatenate([draft.displacements for draft in some])
            cells = tuple(setting.divergence_cells(layer, everything))
        for draft, start, stop in zip(some, ends, ends[1:], strict=False):
            data = Displaced(slice(int(start), int(stop)), draft.extra)
            arms.append(Arm(draft.prediction, cells, data, draft.unmeasurable))
    return arms


def found(setting: Setting, arm: Arm, name: str = "kl") -> np.ndarray:
    """(N, k) of the arm's k displacements on the N measuring prompts; KL in nats by default."""
    return setting.divergences(arm.cells, name)[:, arm.data.columns]

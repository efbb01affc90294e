"""The known setting with the cells of the claims about null spaces, from the same readouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.measurements.probed_null_space import random_probes
from tests.llm_validation.claims.known_setting import KnownSetting


class KnownReadouts(KnownSetting):
    """Logits are affine in the state: Jacobians are the readouts, and no direction is radial.

    Parameters
    ----------
    null
        The last so many directions are seen by no readout.
    measuring_factor
        Metrics of the measuring prompts are so many times what the others are.
    """

    def __init__(self, *, null: int = 0, measuring_factor: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.measuring_factor = measuring_factor
        if null:
            for readout, _ in self.readouts:
                readout[:, -null:] = 0.0

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        name = cell.function.removeprefix("llm_validation.measurements.").split(":")[0]
        if name == "symmetry_group":
            return {"mean_direction": False, "final_norm": False, "unrotatable": "affine"}
        if name == "radial_direction":
            return {"direction": np.eye(self.width)[0], "gain": 1.0}
        if name == "logit_jacobian":
            readout, _ = self.readouts[cell.settings["ids"][0]]
            centred = readout - readout.mean(axis=0)
            common = len(readout) ** 0.5 * readout.mean(axis=0)
            return {"factor": np.linalg.qr(centred)[1], "common": common}
        if name == "probed_null_space":
            return self._known_probes(**cell.settings)
        found = super()._answer(cell)
        if name == "fisher_metric" and "metric" in found:
            own = cell.settings["ids"] in [list(ids) for ids in self.prompts.measuring]
            return {"metric": found["metric"] * (self.measuring_factor if own else 1.0)}
        return found

    def _known_probes(self, ids: list[int], probes: int, seed: int, **_: Any) -> dict[str, Any]:
        changes = random_probes(probes, self.width, seed) @ self.readouts[ids[0]][0].T
        values = np.linalg.svd(changes, compute_uv=False)
        return {"singular_values": values, "sizes": np.linalg.norm(changes, axis=1)}

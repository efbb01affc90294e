"""The known setting with every measure of distance between its outputs, by definition."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from tests.llm_validation.claims.known_setting import KnownSetting


class Readouts(KnownSetting):
    """Answers every cell of the claim; ``jacobian_factor`` makes the stated Jacobians wrong."""

    jacobian_factor = 1.0

    @cached_property
    def answered(self):
        """By cell, as a store has them."""
        return {}

    def _answer(self, cell):
        name = cell.function.removeprefix("llm_validation.measurements.")
        answers = {
            "logit_jacobian:measure": self._jacobian,
            "divergences:measure": self._measures,
            "steered_logit_distance:measure": self._steered,
        }
        if name not in answers:
            return super()._answer(cell)
        if cell not in self.answered:
            self.answered[cell] = answers[name](**cell.settings)
        return self.answered[cell]

    def _jacobian(self, ids, layer):
        readout = self.jacobian_factor * self.readouts[ids[0]][0]
        mean = readout.mean(axis=0)
        factor = np.linalg.qr(readout - mean, mode="r")
        return {"factor": factor, "common": len(readout) ** 0.5 * mean}

    def _measures(self, ids, layer, displacements):
        readout, bias = self.readouts[ids[0]]
        change = np.asarray(displacements) @ readout.T
        p, q = softmax(bias), softmax(bias + change, axis=1)
        return {
            "kl": np.sum(p * (np.log(p) - np.log(q)), axis=1),
            "js": np.array([jensenshannon(p, row) ** 2 for row in q]),
            "logit_distance": np.linalg.norm(change, axis=1),
            "centred_logit_distance": np.linalg.norm(
                change - change.mean(axis=1, keepdims=True), axis=1
            ),
            "top_overlap": np.ones(len(q)),
        }

    def _steered(self, ids, layer, base, displacements):
        change = np.asarray(displacements) @ self.readouts[ids[0]][0].T
        return {"logit_distance": np.linalg.norm(change, axis=1)}

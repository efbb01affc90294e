"""A setting whose truth is known: prompts are softmax readouts with metrics in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from identifiability.spectrum import Spectrum


@dataclass
class SoftmaxSetting:
    """Stands in for ``llm_validation.setting.Setting``; ``metric_factor`` makes G wrong."""

    seed: int = 0
    width: int = 20
    tokens: int = 60
    prompts: int = 24
    metric_factor: float = 1.0
    divergence_floor: float = 1e-15
    layer: int = 3

    @cached_property
    def _readouts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(self.seed)
        scale = np.geomspace(1, 1e-2, self.width)  # a spectrum that falls by four decades
        shared = rng.standard_normal((self.tokens, self.width)) * scale
        return [
            (
                shared * rng.uniform(0.8, 1.2, (self.tokens, 1)),
                0.3 * rng.standard_normal(self.tokens),
            )
            for _ in range(3 * self.prompts)
        ]

    def _metric(self, readout: np.ndarray, bias: np.ndarray) -> np.ndarray:
        p = np.exp(bias - np.logaddexp.reduce(bias))
        return self.metric_factor * readout.T @ (np.diag(p) - np.outer(p, p)) @ readout

    def _metrics(self, part: int) -> np.ndarray:
        some = self._readouts[part * self.prompts : (part + 1) * self.prompts]
        return np.array([self._metric(*readout) for readout in some])

    @property
    def model(self) -> SimpleNamespace:
        return SimpleNamespace(dtype="float64")

    @cached_property
    def vectors(self) -> dict[str, SimpleNamespace]:
        vector = np.random.default_rng([self.seed, 1]).standard_normal(self.width)
        return {"planted": SimpleNamespace(vector=0.3 * vector / np.linalg.norm(vector))}

    @cached_property
    def choosing_metrics(self) -> np.ndarray:
        return self._metrics(0)

    @cached_property
    def predicting_metrics(self) -> np.ndarray:
        return self._metrics(1)

    @cached_property
    def choosing_spectrum(self) -> Spectrum:
        return Spectrum.of(self.choosing_metrics.mean(axis=0), metric=True)

    def divergences(self, displacements: np.ndarray, what: str) -> np.ndarray:
        """The definition of KL, on the last third of the prompts."""
        rows = []
        for readout, bias in self._readouts[2 * self.prompts :]:
            p = bias - np.logaddexp.reduce(bias)
            moved = displacements @ readout.T + bias
            q = moved - np.logaddexp.reduce(moved, axis=1)[:, None]
            rows.append(np.sum(np.exp(p) * (p - q), axis=1))
        return np.array(rows)

"""A setting whose truth is known: prompts are softmax readouts with metrics in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.scale import Scale
from llm_validation.setting import PromptSplit, Setting

LAYER = 3


class KnownSetting(Setting):
    """Cells are answered at once, from softmax readouts; ``metric_factor`` makes G wrong.

    A prompt's ids are the one number of its readout.
    """

    def __init__(
        self,
        *,
        scale: Scale = Scale.FULL,
        seed: int = 0,
        width: int = 20,
        tokens: int = 60,
        prompts: int = 24,
        metric_factor: float = 1.0,
        floor: float = 1e-15,
    ) -> None:
        model: Any = SimpleNamespace(
            name="softmax readouts", dtype="float64", weights_sha256="none", width=width
        )
        pairs = (ContrastivePair("planted", "more", "less"),)
        trait = Trait("planted", "", "", pairs, (), None, {})
        parts = (tuple([start + i] for i in range(prompts)) for start in (0, prompts, 2 * prompts))
        super().__init__(
            model, [LAYER], {"planted": trait}, PromptSplit(*parts), scale, seed, self._answer
        )
        self.tokens, self.metric_factor, self.floor = tokens, metric_factor, floor
        unit = np.random.default_rng([seed, 1]).standard_normal(width)
        self.planted = 0.3 * unit / np.linalg.norm(unit)

    def encode(self, text: str) -> list[int]:
        return [len(text)]

    def _vector(self, trait: str, layer: int, method: str = "mean") -> np.ndarray:
        return self.planted

    @cached_property
    def readouts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(tokens, d) and (tokens,) of each prompt: logits are the first times h plus the second.

        The spectrum falls by four decades.
        """
        rng = np.random.default_rng(self.seed)
        shared = rng.standard_normal((self.tokens, self.width))
        shared *= np.geomspace(1, 1e-2, self.width)
        count = 3 * len(self.prompts.choosing)
        return [
            (
                shared * rng.uniform(0.8, 1.2, (self.tokens, 1)),
                0.3 * rng.standard_normal(self.tokens),
            )
            for _ in range(count)
        ]

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        name = cell.function.removeprefix("llm_validation.measurements.")
        answers = {
            "fisher_metric:measure": self._known_metric,
            "fisher_metric:rounding": lambda **_: {"error": 0.0},
            "rounding_divergence:measure": lambda **_: {"floor": self.floor},
            "divergences:measure": self._known_divergences,
        }
        return answers[name](**cell.settings)

    def _known_metric(self, ids: list[int], layer: int) -> dict[str, np.ndarray]:
        readout, bias = self.readouts[ids[0]]
        p = np.exp(bias - np.logaddexp.reduce(bias))
        metric = readout.T @ (np.diag(p) - np.outer(p, p)) @ readout
        return {"metric": self.metric_factor * metric}

    def _known_divergences(
        self, ids: list[int], layer: int, displacements: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The definition of KL."""
        readout, bias = self.readouts[ids[0]]
        p = bias - np.logaddexp.reduce(bias)
        moved = np.asarray(displacements) @ readout.T + bias
        q = moved - np.logaddexp.reduce(moved, axis=1)[:, None]
        return {"kl": np.sum(np.exp(p) * (p - q), axis=1)}

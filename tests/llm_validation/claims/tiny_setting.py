"""A setting on a tiny random decoder in float64: cells are measured where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, LabelledCompletion, Trait
from llm_validation.scale import Scale
from llm_validation.setting import PromptSplit, Setting
from tests.llm_validation.architectures import WORDS
from tests.llm_validation.tiny_language_model import tiny_language_model

Alter = Callable[[Cell, dict[str, Any]], dict[str, Any]]


class TinySetting(Setting):
    """``alter`` may change what a cell measured: how a false prediction is made.

    What was measured is shared among settings; what was altered is not.
    """

    _measured: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(
        self,
        *,
        prompts: int = 6,
        layer: int = 1,
        scale: Scale = Scale.THIN,
        length: float = 1.0,
        alter: Alter = lambda cell, found: found,
    ) -> None:
        model = tiny_language_model("llama")
        rng = np.random.default_rng(0)
        parts = [
            tuple(rng.integers(3, WORDS, size=7).tolist() for _ in range(prompts)) for _ in range(3)
        ]
        answers = tuple(
            LabelledCompletion("w3", f"w{i} w{i + 1}", f"w{i + 2}", "validation")
            for i in range(5, 11)
        )
        trait = Trait("planted", "", "", (ContrastivePair("w3", "w4", "w5"),), answers, None, {})
        super().__init__(
            model, [layer], {"planted": trait}, PromptSplit(*parts), scale, 0, self._answer
        )
        vector = np.random.default_rng(1).standard_normal(model.width)
        self._planted, self._alter = length * vector / np.linalg.norm(vector), alter
        self._found: dict[str, dict[str, Any]] = {}

    def _vector(self, trait: str, layer: int, method: str = "mean") -> np.ndarray:
        return self._planted

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        if cell.key not in self._found:
            self._found[cell.key] = self._alter(cell, dict(self._measure(cell)))
        return self._found[cell.key]

    def _measure(self, cell: Cell) -> dict[str, Any]:
        if cell.key not in self._measured:
            module, name = cell.function.split(":")
            found = getattr(import_module(module), name)(self.model, **cell.settings)
            self._measured[cell.key] = found
        return self._measured[cell.key]

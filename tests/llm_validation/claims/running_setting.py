"""A setting on a tiny random decoder in float64; cells run at once, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.models import LanguageModel
from llm_validation.scale import Scale
from llm_validation.setting import PromptSplit, Setting
from tests.llm_validation.architectures import WORDS
from tests.llm_validation.tiny_language_model import tiny_language_model

Changed = Callable[[Cell, dict[str, Any]], Mapping[str, Any]]


class RunningSetting(Setting):
    """One layer and one trait of random words.

    ``change`` may replace the result of a cell: what a false world would answer. Settings on the
    same weights share results, but for a ``fresh`` one, in which the code itself is changed.
    """

    _shared: ClassVar[dict[tuple[int, str], tuple[Any, dict[str, Any]]]] = {}

    def __init__(
        self,
        model: LanguageModel | None = None,
        *,
        layer: int = 1,
        prompts: int = 6,
        scale: Scale = Scale.THIN,
        change: Changed | None = None,
        fresh: bool = False,
    ) -> None:
        rng = np.random.default_rng(11)
        chosen = [
            rng.integers(3, WORDS, int(rng.integers(5, 9))).tolist() for _ in range(3 * prompts)
        ]
        parts = (tuple(chosen[start::3]) for start in range(3))
        pairs = tuple(ContrastivePair("words", _words(rng), _words(rng)) for _ in range(4))
        trait = Trait("random", "", "", pairs, (), None, {})
        self._done = {} if fresh else self._shared
        self._change = change
        super().__init__(
            model or tiny_language_model("llama"),
            [layer],
            {"random": trait},
            PromptSplit(*parts),
            scale,
            0,
            self._run,
        )

    def _run(self, cell: Cell) -> Mapping[str, Any]:
        weights = self.model.model
        key = (id(weights), cell.key)
        if key not in self._done:
            module, name = cell.function.split(":")
            found = getattr(import_module(module), name)(self.model, **cell.arguments())
            self._done[key] = (weights, found)  # kept, so that its id stays its own
        found = self._done[key][1]
        return self._change(cell, dict(found)) if self._change else found


def _words(rng: np.random.Generator) -> str:
    return " ".join(f"w{i}" for i in rng.integers(3, WORDS, 6))

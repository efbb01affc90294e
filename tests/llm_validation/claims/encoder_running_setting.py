"""A setting on a tiny random encoder in float64; cells run at once, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.encoder_setting import POSITION, EncoderSetting
from llm_validation.measurements.encoder_context import GaussianEncoder
from llm_validation.prompt_split import PromptSplit
from llm_validation.scale import Scale
from tests.llm_validation.encoders import WORDS
from tests.llm_validation.tiny_sentence_encoder import texts, tiny_sentence_encoder

Changed = Callable[[Cell, dict[str, Any]], Mapping[str, Any]]


class EncoderRunningSetting(EncoderSetting):
    """One layer and one trait of random words.

    ``change`` may replace the result of a cell: what a false world would answer.
    """

    _shared: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(
        self,
        architecture: str = "bert",
        *,
        layer: int = 1,
        prompts: int = 6,
        change: Changed | None = None,
    ) -> None:
        chosen = texts(3 * prompts, seed=11)
        parts = (tuple(chosen[start::3]) for start in range(3))
        rng = np.random.default_rng(5)
        pairs = tuple(ContrastivePair(str(i), _words(rng), _words(rng)) for i in range(6))
        trait = Trait("random", "", "", pairs, (), None, {})
        self._change = change
        super().__init__(
            tiny_sentence_encoder(architecture),
            [layer],
            {"random": trait},
            PromptSplit(*parts),
            Scale.THIN,
            0,
            self._run,
        )
        self._context = GaussianEncoder(self.encoder, self.covariance, POSITION)

    def _run(self, cell: Cell) -> Mapping[str, Any]:
        if cell.key not in self._shared:
            module, name = cell.function.split(":")
            measure = getattr(import_module(module), name)
            self._shared[cell.key] = measure(self._context, **cell.arguments())
        found = self._shared[cell.key]
        return self._change(cell, dict(found)) if self._change else found


def _words(rng: np.random.Generator) -> str:
    return " ".join(f"w{i}" for i in rng.integers(3, WORDS, 6))

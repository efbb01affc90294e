"""A known setting whose completions are scored too: log-odds are linear in the displacement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, Instructions, LabelledCompletion, Trait
from llm_validation.scale import Scale
from tests.llm_validation.claims.known_setting import KnownSetting

PAIRS = 12
INSTRUCTIONS = Instructions("show it", "hide it")


class WordsToIds:
    """A tokenizer: every word gets the next number."""

    chat_template = None

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {
            "input_ids": [self.words.setdefault(w, 1000 + len(self.words)) for w in text.split()]
        }


class ScoredSetting(KnownSetting):
    """The score of a pair is 1.6 + w · delta, with a w of its own for each pair and prompt.

    Parameters
    ----------
    tangent
        tan of the angle between the mean w and v.
    effect
        Mean effect of v, in nats per token; its deviation between pairs is ``spread``.
    turned
        The score's gradient cells answer with this factor: a false prediction, if not 1.
    obeys
        Whether the model does what instructions say.
    weight
        (d,) the mean w itself, in place of the two above.
    """

    def __init__(
        self,
        *,
        tangent: float = 0.3,
        effect: float = 1.0,
        spread: float = 0.05,
        turned: float = 1.0,
        obeys: bool = True,
        weight: np.ndarray | None = None,
        scale: Scale = Scale.FULL,
        **known: Any,
    ) -> None:
        super().__init__(scale=scale, width=40, **known)
        self.spread, self.turned, self.obeys = spread, turned, obeys
        model: Any = self.model
        model.tokenizer = WordsToIds()
        rng = np.random.default_rng([self.seed, 2])
        along = self.planted / np.linalg.norm(self.planted)
        across = rng.standard_normal(self.width)
        across -= (across @ along) * along
        across /= np.linalg.norm(across)
        size = effect / np.linalg.norm(self.planted)
        self.weight = size * (along + tangent * across) if weight is None else weight
        self.traits = {"planted": _trait("planted"), "second": _trait("second")}
        self.states = rng.standard_normal((6, 2, self.width))

    def _vector(self, trait: str, layer: int, method: str = "mean") -> np.ndarray:
        """The second trait's vector is another one."""
        return self.planted if trait == "planted" else np.roll(self.planted, 1)

    def pair_states(self, pairs: Any, layer: int) -> np.ndarray:
        return self.states

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        name = cell.function.removeprefix("llm_validation.measurements.")
        answers = {
            "score_gradient:measure": self._gradient,
            "completion_log_likelihoods:measure": self._log_likelihoods,
            "unsteered_log_likelihoods:measure": self._unsteered,
        }
        return answers[name](**cell.settings) if name in answers else super()._answer(cell)

    def gradient_of(self, prompt_ids: list[int], completions: list[list[int]]) -> np.ndarray:
        """(d,) w of one pair after one prompt."""
        drawn = np.zeros(self.width)
        for name in (completions[0], prompt_ids):
            drawn += np.random.default_rng([self.seed, 3, *name]).standard_normal(self.width)
        return self.weight + self.spread * np.linalg.norm(self.weight) * drawn / 40**0.5

    def _gradient(
        self, prompt_ids: list[int], completions: list[list[int]], layer: int
    ) -> dict[str, np.ndarray]:
        return {"gradient": self.turned * self.gradient_of(prompt_ids, completions)}

    def _log_likelihoods(
        self,
        prompt_ids: list[int],
        completions: list[list[int]],
        layer: int,
        displacements: np.ndarray,
    ) -> dict[str, np.ndarray]:
        rows = np.asarray(displacements)
        scores = 1.6 + rows @ self.gradient_of(prompt_ids, completions)
        if self.obeys:
            words = self.model.tokenizer.words
            scores += (words.get("show") in prompt_ids) - float(words.get("hide") in prompt_ids)
        tokens = np.array([len(ids) for ids in completions])
        sides = np.column_stack([scores / 2 - 3, -scores / 2 - 3])
        return {"log_likelihood": sides * tokens, "tokens": tokens}

    def _unsteered(
        self, prompt_ids: list[int], completions: list[list[int]]
    ) -> dict[str, np.ndarray]:
        return self._log_likelihoods(prompt_ids, completions, -1, np.zeros((1, self.width)))


def _trait(name: str) -> Trait:
    completions = tuple(
        LabelledCompletion(f"{name} asks {i}", f"{name} yes {i}", f"{name} no {i} at all", split)
        for split, first in (("choose", 0), ("held_out", PAIRS))
        for i in range(first, first + PAIRS)
    )
    pairs = tuple(ContrastivePair(f"about {i}", f"more {i}", f"less {i}") for i in range(6))
    return Trait(name, "", "", pairs, completions, INSTRUCTIONS, {})

"""The known setting with states at many tokens that are drawn from a law of the test's choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.scale import Scale
from tests.llm_validation.claims.known_setting import KnownSetting

TOKENS = 12
PAIRS = 60

Draw = Callable[[np.random.Generator, str, int], np.ndarray]
"""From randomness, the name of the source and a count to states (count, d)."""


class KnownTokens(KnownSetting):
    """Every prompt's states are ``draw``n on their own; the vector of the trait is ``along``."""

    def __init__(
        self,
        draw: Draw,
        *,
        width: int,
        along: np.ndarray | None = None,
        shifted: int = 0,
        scale: Scale = Scale.THIN,
        seed: int = 0,
    ) -> None:
        super().__init__(scale=scale, width=width, seed=seed)
        self.draw = draw
        self.along = np.ones(width) if along is None else along
        environments = {"topic_shift": _pairs("shifted", shifted)} if shifted else {}
        pairs = _pairs("pairs", PAIRS)
        self.traits = {"planted": Trait("planted", "", "", pairs, (), None, environments)}
        texts = [t for some in (pairs, *environments.values()) for p in some for t in _sides(p)]
        self.places = {text: 1000 + place for place, text in enumerate(texts)}
        self.texts = dict(zip(self.places.values(), texts, strict=True))

    def encode(self, text: str) -> list[int]:
        return [self.places[text]]

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        name = cell.function.removeprefix("llm_validation.measurements.")
        if name == "token_states:measure":
            return self._token_states(cell.settings["prompts"])
        if name == "last_states:measure":
            return self._last_states(cell.settings["prompts"])
        return super()._answer(cell)

    def _token_states(self, prompts: Any) -> dict[str, np.ndarray]:
        found = []
        for (place,) in prompts:
            source = self.texts[place].split()[0] if place in self.texts else "neutral"
            rng = np.random.default_rng([self.seed, place, 3])
            found.append(self.draw(rng, source, TOKENS))
        owners = np.repeat(np.arange(len(found)), TOKENS)
        return {"states": np.concatenate(found)[:, None], "prompt": owners}

    def _last_states(self, prompts: Any) -> dict[str, np.ndarray]:
        found = []
        for (place,) in prompts:
            rng = np.random.default_rng([self.seed, place, 4])
            sign = 1.0 if self.texts[place].endswith("+") else -1.0
            found.append(sign * self.along + 0.1 * rng.standard_normal(self.width))
        return {"states": np.array(found)[:, None]}


def mixing(width: int) -> np.ndarray:
    """(d, d), far from orthogonal and from singular."""
    rng = np.random.default_rng(11)
    left, right = (np.linalg.qr(rng.standard_normal((width, width)))[0] for _ in range(2))
    return left @ np.diag(np.geomspace(1, 0.3, width)) @ right


def _pairs(name: str, count: int) -> tuple[ContrastivePair, ...]:
    return tuple(
        ContrastivePair(f"{name} {i}", f"{name} {i} +", f"{name} {i} -") for i in range(count)
    )


def _sides(pair: ContrastivePair) -> tuple[str, str]:
    return pair.positive, pair.negative

"""The known setting with environments: pairs' states are c + S a_e and noise, by construction."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.across_environments.environment_contexts import contexts
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.scale import Scale
from tests.llm_validation.claims.known_setting import KnownSetting

NAMES: tuple[str, ...] = ("in_distribution", "topic_shift", "genre_shift", "safety_style")
PAIRS, CONTEXTS = 52, 10
_FIRST = 1000  # ids of texts; prompts have those below


class KnownEnvironments(KnownSetting):
    """``shifts`` (environments, d) is S a_e; ``held_out_factor`` makes measured metrics wrong.

    ``blind`` (d,) is a direction that no Jacobian at environments' prompts sees.
    """

    def __init__(
        self,
        *,
        shifts: np.ndarray | None = None,
        noise: float = 0.1,
        held_out_factor: float = 1.0,
        blind: np.ndarray | None = None,
        scale: Scale = Scale.THIN,
        seed: int = 0,
    ) -> None:
        super().__init__(scale=scale, seed=seed)
        self.shifts = np.zeros((len(NAMES), self.width)) if shifts is None else shifts
        self.noise, self.held_out_factor, self.blind = noise, held_out_factor, blind
        environments = {name: _pairs(name, CONTEXTS) for name in NAMES}
        pairs = _pairs("pairs", PAIRS)
        self.traits = {"planted": Trait("planted", "", "", pairs, (), None, environments)}
        texts = [t for some in (pairs, *environments.values()) for p in some for t in _sides(p)]
        self.places = {text: _FIRST + place for place, text in enumerate(texts)}
        self.texts = dict(zip(self.places.values(), texts, strict=True))

    def encode(self, text: str) -> list[int]:
        return [self.places[text]]

    @cached_property
    def measured_ids(self) -> set[int]:
        chosen = contexts(self, "planted", "measuring")
        return {self.places[t] for some in chosen.values() for p in some for t in _sides(p)}

    def _answer(self, cell: Cell) -> Mapping[str, Any]:
        name = cell.function.removeprefix("llm_validation.measurements.")
        answers = {
            "last_states:measure": self._states,
            "logit_jacobian:measure": self._factor,
            "radial_direction:measure": lambda **_: {"gain": 0.0},
            "symmetry_group:measure": lambda: {"mean_direction": False},
        }
        answer = answers.get(name)
        return super()._answer(cell) if answer is None else answer(**cell.settings)

    def _states(self, prompts: Any, layers: Any) -> dict[str, np.ndarray]:
        return {"states": np.array([self._state(ids[0]) for ids in prompts])[:, None]}

    def _state(self, place: int) -> np.ndarray:
        name, _, side = self.texts[place].split()
        shift = self.shifts[NAMES.index(name)] if name in NAMES else 0.0
        rng = np.random.default_rng([self.seed, place - int(side == "-"), 5])
        base, noise = rng.standard_normal((2, self.width))
        unit = np.full(self.width, self.width**-0.5)
        difference = unit + shift + self.noise * noise
        return base + (0.5 if side == "+" else -0.5) * difference

    def _factor(self, ids: Any, layer: int) -> dict[str, np.ndarray]:
        """Full rank but for one direction of the prompt's own, as the radial one is."""
        rng = np.random.default_rng([self.seed, ids[0], 7])
        factor = rng.standard_normal((self.width, self.width))
        hidden = [rng.standard_normal(self.width)]
        if ids[0] >= _FIRST and self.blind is not None:
            hidden.append(self.blind)
        basis = np.linalg.qr(np.array(hidden).T)[0]
        return {"factor": factor - factor @ basis @ basis.T}

    def _known_metric(self, ids: Any, layer: int) -> dict[str, np.ndarray]:
        # Prompts of environments share the readouts of the neutral ones.
        metric = super()._known_metric([ids[0] % len(self.readouts)], layer)["metric"]
        return {"metric": metric * (self.held_out_factor if ids[0] in self.measured_ids else 1.0)}


def _pairs(name: str, count: int) -> tuple[ContrastivePair, ...]:
    return tuple(
        ContrastivePair(f"{name} {i}", f"{name} {i} +", f"{name} {i} -") for i in range(count)
    )


def _sides(pair: ContrastivePair) -> tuple[str, str]:
    return pair.positive, pair.negative

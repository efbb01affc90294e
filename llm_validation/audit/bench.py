"""Where an audit's cells run: a model, a layer and a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from identifiability.cells import Cell, run_cells
from identifiability.errors import InvalidInput
from identifiability.progress import Advance, silent
from identifiability.store import Store
from llm_validation.models import LanguageModel
from llm_validation.prompt_fisher import mean_of

OBSERVED = "llm_validation.audit.observed"
MEASUREMENTS = "llm_validation.measurements"
UNITS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7}
ROUNDING_PROMPTS = 2
"""Prompts on which a metric is compared with float64; each costs as much as four metrics."""

ROUNDINGS = 10.0
"""Units of rounding to which a logit is known at best: logits are of order ten. Divergences are of
the order of their squares; a state may come out equal to itself bit by bit and show none."""


@dataclass(frozen=True)
class Case:
    """A prompt's token ids, what of its output is observed (``observed.observed``), and its text
    without a template, for people."""

    ids: list[int]
    observe: dict[str, Any]
    text: str = ""


@dataclass(frozen=True, eq=False)
class Bench:
    """Runs cells on one model and one layer ("after block i", counted from 0).

    ``done`` collects the keys of what was measured.
    """

    model: LanguageModel
    layer: int
    store: Store
    workers: int = 2
    advance: Advance = silent
    done: set[str] = field(default_factory=set)

    def at_layer(self, layer: int) -> Bench:
        """The same at another layer."""
        return replace(self, layer=layer)

    def cell(self, function: str, label: str, **settings: Any) -> Cell:
        """``function`` is ``package.module:name``; the model comes first."""
        context = {
            "factory": f"{MEASUREMENTS}.context:language_model",
            "name": self.model.name,
            "dtype": self.model.dtype,
            "weights_sha256": self.model.weights_sha256,
        }
        return Cell(function, settings, context, label)

    def results(self, cells: Sequence[Cell]) -> list[dict[str, Any]]:
        """What came of the cells, in their order; those in the store are not run again.

        Raises
        ------
        InvalidInput
            If one has no result, with its reason.
        """
        return list(self._measured(cells))

    def _measured(self, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
        """Run them all, then read one after another."""
        found = run_cells(cells, self.store, workers=self.workers, advance=self.advance)
        for cell, reason in found.missing.items():
            raise InvalidInput(f"{cell.label} could not be measured: {reason}")
        self.done.update(cell.key for cell in cells)
        for cell in cells:
            yield found[cell]

    def metric_cells(self, cases: Sequence[Case], base: np.ndarray) -> list[Cell]:
        """The metric of each case at the model steered by ``base``."""
        return [
            self.cell(
                f"{OBSERVED}:metric",
                f"metric, layer {self.layer}",
                ids=case.ids,
                layer=self.layer,
                observe=case.observe,
                base=base,
            )
            for case in cases
        ]

    def wide_cell(self, cases: Sequence[Case], base: np.ndarray) -> Cell:
        """The metrics of a few cases in float64."""
        return self.cell(
            f"{OBSERVED}:wide_metrics",
            f"metric in float64, layer {self.layer}",
            prompts=[case.ids for case in cases],
            layer=self.layer,
            observes=[case.observe for case in cases],
            base=base,
        )

    def metrics(self, cases: Sequence[Case], base: np.ndarray) -> list[np.ndarray]:
        """(d, d) each."""
        return [found["metric"] for found in self.results(self.metric_cells(cases, base))]

    def mean_metric(self, cases: Sequence[Case], base: np.ndarray) -> np.ndarray:
        """(d, d) over the cases, read one after another: no list of them is in memory."""
        return mean_of(found["metric"] for found in self._measured(self.metric_cells(cases, base)))

    def metrics_and_rounding(
        self, cases: Sequence[Case], base: np.ndarray
    ) -> tuple[list[np.ndarray], float]:
        """(d, d) each, and the largest distance of the first few from those in float64."""
        wide: list[Cell] = []
        if self.model.dtype != "float64":
            wide = [self.wide_cell(cases[:ROUNDING_PROMPTS], base)]
        # The longest cell first, beside the others.
        results = self.results([*wide, *self.metric_cells(cases, base)])
        metrics = [found["metric"] for found in results[len(wide) :]]
        exact = [metric for found in results[: len(wide)] for metric in found["metrics"]]
        pairs = zip(metrics, exact, strict=False)
        error = max((float(np.linalg.norm(here - there, 2)) for here, there in pairs), default=0.0)
        return metrics, error

    def divergences(
        self, cases: Sequence[Case], base: np.ndarray, steps: np.ndarray
    ) -> Divergences:
        """Of steps from the model steered by ``base``: (k, d) on each case, or (n, k, d), each
        case its own."""
        return Divergences.of(self.results(self._step_cells(cases, base, steps)), self.model.dtype)

    def _step_cells(self, cases: Sequence[Case], base: np.ndarray, steps: np.ndarray) -> list[Cell]:
        return [
            self.cell(
                f"{OBSERVED}:steps_apart",
                f"divergences, layer {self.layer}",
                ids=case.ids,
                layer=self.layer,
                observe=case.observe,
                base=base,
                steps=own,
            )
            for case, own in zip(
                cases, np.broadcast_to(steps, (len(cases), *steps.shape[-2:])), strict=True
            )
        ]


@dataclass(frozen=True)
class Divergences:
    """Of k steps on n prompts, in nats: measured and to second order (n, k)."""

    measured: np.ndarray
    second_order: np.ndarray
    floor: float

    @classmethod
    def of(cls, results: Sequence[dict[str, Any]], dtype: str) -> Divergences:
        """From what ``steps_apart`` found on each prompt, with the model in ``dtype``."""
        least = (ROUNDINGS * UNITS[dtype]) ** 2
        return cls(
            np.array([found["divergence"] for found in results]),
            np.array([found["second_order"] for found in results]),
            max(least, *(found["floor"] for found in results)),
        )

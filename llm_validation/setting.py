"""What claims are measured on: a model, a layer, vectors, and prompts split three ways.

Directions are chosen on one set of prompts, predictions computed on a second and measurements made
on a third. Choosing and predicting on the same prompts would bias the prediction: the lowest
eigenvalues of a sample are too low for any other sample, the highest too high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.spectrum import Spectrum
from llm_validation.continuation import Continuation
from llm_validation.extraction import SteeringVector
from llm_validation.models import LanguageModel
from llm_validation.prompt_fisher import fisher_metrics, metric_error

METRICS_COMPARED = 2
"""Prompts on which float32 is compared with float64; each costs as much as four metrics."""


@dataclass(frozen=True)
class PromptSplit:
    """Token ids of prompts, disjoint by construction."""

    choosing: tuple[list[int], ...]
    predicting: tuple[list[int], ...]
    measuring: tuple[list[int], ...]

    @classmethod
    def of(
        cls, prompts: Sequence[list[int]], sizes: tuple[int, int, int], seed: int
    ) -> PromptSplit:
        """Deal prompts at random into three sets of the given sizes."""
        if min(sizes) < 2 or sum(sizes) > len(prompts):
            raise InvalidInput(
                f"need at least two prompts in each of three sets and {sum(sizes)} in all, "
                f"got {len(prompts)}; add prompts or ask for fewer"
            )
        order = np.random.default_rng(seed).permutation(len(prompts))
        first, second = sizes[0], sizes[0] + sizes[1]
        chosen = [prompts[i] for i in order[: sum(sizes)]]
        return cls(tuple(chosen[:first]), tuple(chosen[first:second]), tuple(chosen[second:]))


@dataclass(frozen=True)
class Setting:
    """One model, one layer ("after block i"), one vector for each trait, one split of prompts."""

    model: LanguageModel
    layer: int
    vectors: dict[str, SteeringVector]
    prompts: PromptSplit
    seed: int
    step: Callable[[str], None] = field(default=lambda what: None, repr=False)

    @cached_property
    def choosing_metrics(self) -> np.ndarray:
        """(N, d, d) Fisher metrics at the unsteered states, one a prompt."""
        return self._metrics(self.prompts.choosing)

    @cached_property
    def predicting_metrics(self) -> np.ndarray:
        """(N, d, d), on prompts that chose no direction."""
        return self._metrics(self.prompts.predicting)

    @cached_property
    def measured(self) -> list[Continuation]:
        """Continuations of the prompts on which claims are measured, and nothing else."""
        return [self._continuation(ids) for ids in self.prompts.measuring]

    @cached_property
    def metric_error(self) -> float:
        """Largest ||G32 - G64|| on a few prompts, which stand for all."""
        compared = self.prompts.choosing[:METRICS_COMPARED]
        return metric_error(self.model, compared, self.layer, advance=self._told)

    @cached_property
    def choosing_spectrum(self) -> Spectrum:
        """Spectrum of the mean metric over the choosing prompts, with its measured floor."""
        return Spectrum.of(self.choosing_metrics.mean(axis=0), error=self.metric_error)

    def divergences(self, displacements: np.ndarray, what: str) -> np.ndarray:
        """(N, k) KL in nats for displacements (k, d) on each of the N measured prompts."""
        rows = []
        for continuation in self.measured:
            rows.append(continuation.kl(displacements))
            self.step(what)
        return np.array(rows)

    @cached_property
    def divergence_floor(self) -> float:
        """Largest KL, in nats, that rounding alone shows between a state and itself.

        The unsteered state is evaluated in a batch of displaced ones and compared with the same
        state evaluated alone; in exact arithmetic the two agree.
        """
        rng = np.random.default_rng(self.seed)
        found = []
        for continuation in self.measured:
            norm = float(continuation.state.norm())
            batch = rng.standard_normal((32, continuation.width))
            batch *= 0.1 * norm / np.linalg.norm(batch, axis=1, keepdims=True)
            batch[::2] = 0.0
            found.append(np.abs(continuation.kl(batch)[::2]).max())
        return float(max(found))

    def _metrics(self, prompts: Sequence[list[int]]) -> np.ndarray:
        return np.array(list(fisher_metrics(self.model, prompts, self.layer, advance=self._told)))

    def _told(self, done: int, total: int, what: str) -> None:
        self.step(what)

    def _continuation(self, ids: list[int]) -> Continuation:
        return Continuation(self.model, ids, self.layer)


def quadratic_divergences(metrics: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """(N, k) half of delta^T G delta for metrics (N, d, d) and displacements (k, d), in nats."""
    return 0.5 * np.einsum("ki,nij,kj->nk", displacements, metrics, displacements, optimize=True)

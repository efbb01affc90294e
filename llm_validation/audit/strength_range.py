"""Up to which size a second-order answer holds: measured against predicted, size by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.judgement import ABOVE_FLOOR, LOG_BAND


@dataclass(frozen=True)
class Rung:
    """One size: log(measured/second order) with its interval over prompts.

    ``log_ratio`` is None, and ``holds`` True, where both are at the floor of rounding: nothing is
    seen where nothing was predicted.
    """

    size: float
    measured: float
    second_order: float
    log_ratio: tuple[float, float, float] | None
    holds: bool


@dataclass(frozen=True)
class FirstOrderRange:
    """Sizes in ascending order, each with its rung; ``largest`` None if the first fails already."""

    rungs: tuple[Rung, ...]

    @classmethod
    def of(
        cls,
        sizes: Sequence[float],
        measured: np.ndarray,
        second_order: np.ndarray,
        floor: float,
        rng: np.random.Generator,
    ) -> FirstOrderRange:
        """From (prompts, sizes) divergences in nats and what rounding alone shows."""
        order = np.argsort(sizes, kind="stable")
        return cls(
            tuple(_rung(sizes[i], measured[:, i], second_order[:, i], floor, rng) for i in order)
        )

    @property
    def largest(self) -> float | None:
        """The largest size up to which every one is within a factor of two."""
        found = None
        for rung in self.rungs:
            if not rung.holds:
                break
            found = rung.size
        return found

    def at(self, size: float) -> Rung:
        """The rung of that size."""
        return next(rung for rung in self.rungs if rung.size == size)


def _rung(
    size: float,
    measured: np.ndarray,
    second_order: np.ndarray,
    floor: float,
    rng: np.random.Generator,
) -> Rung:
    seen, predicted = float(measured.mean()), float(second_order.mean())
    limit = ABOVE_FLOOR * floor
    if predicted <= limit and seen <= limit:
        return Rung(size, seen, predicted, None, True)
    if predicted <= limit or seen <= 0:
        return Rung(size, seen, predicted, None, False)
    ratio = cluster_bootstrap(
        lambda pairs: np.log(pairs[..., 0].mean(axis=1) / pairs[..., 1].mean(axis=1)),
        [np.stack([measured, second_order], axis=1)],
        rng=rng,
    )
    holds = ratio.low >= -LOG_BAND and ratio.high <= LOG_BAND
    return Rung(size, seen, predicted, (ratio.estimate, ratio.low, ratio.high), holds)

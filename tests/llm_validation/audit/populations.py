"""Random metrics from a population with a known mean."""

from __future__ import annotations

import numpy as np

WIDTH, RANK = 30, 9


def draw(count: int, rng: np.random.Generator, tail: float = 0.7) -> list[np.ndarray]:
    """Metrics of rank 9 in a fixed basis, their mean falling over three decades.

    Prompts differ in what they show and, log-normally, in how much.
    """
    scale = np.geomspace(1, 1e-3, WIDTH)
    found = []
    for _ in range(count):
        rows = rng.standard_normal((RANK, WIDTH)) * np.sqrt(scale)
        found.append(np.exp(tail * rng.standard_normal()) * rows.T @ rows / RANK)
    return found


def mean(tail: float = 0.7) -> np.ndarray:
    """Of the population, in closed form."""
    return np.exp(tail**2 / 2) * np.diag(np.geomspace(1, 1e-3, WIDTH))

"""Least squares on the linearised logits of a few prompts together (R6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RELATIVE_CUT = 1e-3
"""Of singular values to the largest. A float32 Jacobian is good to 1e-6 of it; the smallest of two
prompts was 2e-3 or so."""


@dataclass(frozen=True)
class LinearBlock:
    """Some prompts together: the pseudo-inverse of their Jacobians, of the directions kept.

    ``directions`` (k, d), ``inverse`` (d, M), ``measured`` as the cells gave it.
    """

    directions: np.ndarray
    inverse: np.ndarray
    measured: tuple[Mapping[str, np.ndarray], ...]

    @classmethod
    def of(cls, measured: Sequence[Mapping[str, np.ndarray]]) -> LinearBlock:
        """Stack prompts; squares of values above a thousandth are far from float64's rounding."""
        stack = np.vstack([one["jacobian"] for one in measured])
        values, vectors = np.linalg.eigh(stack.T @ stack)
        kept = values > RELATIVE_CUT**2 * values[-1]
        directions = vectors[:, kept].T
        inverse = directions.T / values[kept] @ (directions @ stack.T)
        return cls(directions, inverse, tuple(measured))

    def recovered(self, vector: int, strength: int) -> np.ndarray:
        """(d,) least squares of the odd differences of one of the cells' vectors and strengths."""
        response = np.concatenate([one["odd"][vector, strength] for one in self.measured])
        return self.inverse @ response

    def rounding(self, strength: float) -> np.ndarray:
        """(n, d) samples of the error that rounding makes of a vector at that strength."""
        # A half difference of two evaluations has half the variance of one.
        noise = np.hstack([one["rounding"] for one in self.measured]) / np.sqrt(2)
        return noise @ self.inverse.T / strength

"""Least squares on the linearised logits of a few prompts together (R6), by the package's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.recovery import LeastSquaresRecovery

RELATIVE_CUT = 1e-3
"""Of singular values to the largest: directions at or below it are given up. The smallest of two
prompts was 2e-3 or so."""

JACOBIAN_ERROR = 2e-5
"""Of the largest singular value: twice what a float32 Jacobian differs from one in float64 by on
two prompts (9e-6 and 8e-6, by the Gram matrix of the head in float32 as much as by the model)."""

ACCURACY = 0.05
"""Of what is recovered: a vector that counts as recovered may be as far off its cosine of 1."""

NOISE_BOUND = 2.0
"""Of the root mean square of rounding: it is a sum over hundreds of coordinates, and as large."""


@dataclass(frozen=True)
class LinearBlock:
    """Some prompts together: an estimator fitted on their Jacobians, and what else was measured.

    ``odd`` (k, s, R) and ``noise`` (n, R) are entries of R equations, for which the estimator is.
    """

    estimator: LeastSquaresRecovery
    odd: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, measured: Sequence[Mapping[str, np.ndarray]], vector: np.ndarray) -> LinearBlock:
        """Stack prompts; the response fitted is the first measured, or an exact one of ``vector``.

        All responses of a stack share what the estimator decomposes. Its conditions are those of
        the one fitted: an exact one where none is measured, as on the predicting prompts.
        """
        jacobian = np.vstack([one["jacobian"] for one in measured])
        odd = np.concatenate([one["odd"] for one in measured], axis=-1)
        # A half difference of two evaluations has half the variance of one.
        noise = np.hstack([one["rounding"] for one in measured]) / np.sqrt(2)
        fitted = odd[0, 0] if len(odd) else jacobian @ vector
        bound = NOISE_BOUND * float(np.sqrt(np.mean(np.sum(noise**2, axis=1)))) if len(odd) else 0.0
        # R of the stack beside its responses, A = QR, has A's scalar products of columns,
        # R^T R = A^T A: singular values, solutions and residuals are those of all the rows.
        beside = np.vstack([fitted, odd.reshape(-1, len(jacobian)), noise]).T
        reduced = np.linalg.qr(np.hstack([jacobian, beside]), mode="r")
        equations, responses = np.split(reduced, [jacobian.shape[1]], axis=1)
        estimator = LeastSquaresRecovery(
            accuracy=ACCURACY,
            jacobian_error=JACOBIAN_ERROR * float(np.linalg.norm(equations, 2)),
            response_error=bound,
            cut=RELATIVE_CUT,
        ).fit(equations, responses[:, 0])
        others = responses[:, 1:].T
        split = odd.shape[0] * odd.shape[1]
        shape = (*odd.shape[:2], len(reduced))
        return cls(estimator, others[:split].reshape(shape), others[split:])

    def recovered(self, vector: int, strength: int) -> np.ndarray:
        """(d,) least squares of the odd differences of one of the cells' vectors and strengths."""
        return self.estimator.recover(self.odd[vector, strength])

    def seen(self, vector: np.ndarray) -> np.ndarray:
        """(d,) the part of a vector that the estimator gives back of an exact response."""
        return self.estimator.gauge_.canonical(vector)

    def rounding(self, strength: float) -> np.ndarray:
        """(n, d) samples of the error that rounding makes of a vector at that strength."""
        return self.estimator.recover(self.noise) / strength


def in_words(blocks: Sequence[LinearBlock]) -> str:
    """What the estimator says of blocks by its conditions: how much of v comes back, if decided."""
    unread = [block.estimator.kernel_.shape[1] for block in blocks]
    width, least, most = blocks[0].estimator.n_features_in_, min(unread), max(unread)
    part = "all of v"
    if most > 0:
        part = f"all but {least if least == most else f'{least} to {most}'} of {width} dimensions"
    said = [block.estimator.prediction_ for block in blocks]
    open_ones = [one.failure_mode for one in said if one.recovers is None]
    if not open_ones:
        return part
    return f"{part}, {open_ones[0]} in {len(open_ones)} of {len(blocks)} blocks"

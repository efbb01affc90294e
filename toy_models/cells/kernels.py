"""What is left unknown by a linear recovery of one vector, read off many planted vectors.

The errors of d + 4 random vectors span exactly the dimensions that were lost: their number is the
rank of the errors, whatever kernel the method itself reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from identifiability.recovery.linear import LinearRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.cells.least_squares import LOST, RECOVERED, chance, kernel_lost
from toy_models.matrix import Measurement, Outcome

Fit = Callable[[np.ndarray], LinearRecovery]  # planted vector (d,) to a fitted recovery


def measure_kernel(
    fit: Fit, kernel: np.ndarray, *, equations: int, seed: int, error: float = 0.0
) -> Measurement:
    """Plant d + 4 random unit vectors, recover each, and say what came back and what did not.

    ``kernel`` (d, k) is the planted truth; ``error`` is what stated noise may do to an estimate.
    """
    width = len(kernel)
    rng, resampling = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    vectors = rng.standard_normal((width + 4, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fits = [fit(vector) for vector in vectors]
    scores = 1 - np.linalg.norm(np.array([f.vector_ for f in fits]) - vectors, axis=1)
    interval = cluster_bootstrap(lambda x: x.mean(axis=1), [scores], rng=resampling)
    return Measurement(
        outcome=outcome(fits, vectors, kernel, RECOVERED + error),
        score=interval.estimate,
        score_min=float(scores.min()),
        interval=(interval.low, interval.high),
        chance=chance(width),
        n=equations,
        d=width,
    )


def outcome(
    fits: Sequence[LinearRecovery], vectors: np.ndarray, kernel: np.ndarray, tolerance: float
) -> Outcome:
    """The estimates against the planted unit vectors, and both against the method's prediction."""
    errors = np.array([f.vector_ for f in fits]) - vectors
    predictions = {f.prediction_ for f in fits}
    if len(predictions) > 1:
        return Outcome(False, "predicted differently for different vectors")
    (said,) = predictions
    if np.all(np.linalg.norm(errors, axis=1) <= tolerance):
        if said.recovers:
            return Outcome(True)
        return Outcome(False, "recovered, but the method does not say so")
    if said.failure_mode is None:
        return Outcome(False, "not recovered, but the method says so")
    if said.recovers is None:
        return Outcome(False, said.failure_mode)
    lost = int(np.sum(np.linalg.svd(errors, compute_uv=False) > LOST))
    visible = errors - errors @ kernel @ kernel.T
    if np.any(np.linalg.norm(visible, axis=1) > tolerance):
        return Outcome(False, "the row-space part is wrong")
    found = kernel_lost(lost, vectors.shape[1])
    if not said.failure_mode.startswith(found):
        return Outcome(False, f"{found}, the method says {said.failure_mode}")
    return Outcome(False, said.failure_mode)

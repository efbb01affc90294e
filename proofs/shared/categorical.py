"""Distributions over tokens: their divergence and metric, in closed form and as observed.

The closed forms are what theorems speak of; ``measured_metric`` knows outcome probabilities only
and serves as their oracle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (..., m) of logits (..., m)."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) in nats over the last axis; probabilities are positive.

    Summed as p (x - log(1 + x)), x = q/p - 1: every term is of second order in q - p, so the
    rounding of a small divergence is relative to its root, and not to 1 as in p log(p/q).
    """
    change = (q - p) / p
    return np.sum(p * (change - np.log1p(change)), axis=-1)


def pulled_back_metric(jacobian: np.ndarray, p: np.ndarray) -> np.ndarray:
    """J^T (diag p - p p^T) J, shape (d, d), of a logit Jacobian (m, d) at probabilities (m,)."""
    weighted = p[:, None] * jacobian
    mean = weighted.sum(axis=0)
    metric = jacobian.T @ weighted - np.outer(mean, mean)
    # Exactly symmetric: by that ``Spectrum.of`` tells a metric from a Jacobian.
    return (metric + metric.T) / 2


def measured_metric(
    distribution: Callable[[np.ndarray], np.ndarray], state: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """Fisher metric (d, d) at ``state`` from outcome probabilities (m,) at nearby states.

    With r = 2 sqrt(p) the metric is D^T D, D = dr/dh (Amari & Nagaoka 2000, section 2.5); D comes
    from central differences of fourth order, so the error is of order ``step``^4.
    """
    columns = []
    for direction in np.eye(state.size):
        near, far = (
            np.sqrt(distribution(state + s * direction))
            - np.sqrt(distribution(state - s * direction))
            for s in (step, 2 * step)
        )
        columns.append((8 * near - far) / (6 * step))
    derivative = np.array(columns).T
    return derivative.T @ derivative

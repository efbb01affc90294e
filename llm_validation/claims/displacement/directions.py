"""Directions orthogonal to a steering vector: random, or from a part of a spectrum."""

from __future__ import annotations

import numpy as np


def random_orthogonal(vector: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) unit vectors, uniform on the sphere of the space orthogonal to ``vector``."""
    return random_in_span(np.eye(vector.size), vector, count, rng)


def random_in_span(
    basis: np.ndarray, vector: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(count, d) unit vectors, uniform on the sphere of span(basis) ∩ vector⊥.

    Parameters
    ----------
    basis
        (d, k) orthonormal columns, k >= 2.
    vector
        (d,) the vector that they must be orthogonal to.
    """
    weights = rng.standard_normal((count, basis.shape[1]))
    shadow = vector @ basis  # of the vector in the span, in the basis's coordinates
    length = np.linalg.norm(shadow)
    if length > 0:
        axis = shadow / length
        weights -= np.outer(weights @ axis, axis)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights @ basis.T

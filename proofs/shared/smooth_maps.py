"""Smooth continuations with their first and second derivatives in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# max |tanh''| = max 2 t (1 - t^2) over t in [0, 1], at t = 1/sqrt(3).
_TANH_CURVATURE = 4 / (3 * np.sqrt(3))


@dataclass(frozen=True)
class DifferentiableMap:
    """F: R^d -> R^m; states may be complex, and come as columns where there are several.

    Parameters
    ----------
    value
        (d, ...) -> (m, ...).
    jacobian
        (d,) -> (m, d).
    """

    value: Callable[[np.ndarray], np.ndarray]
    jacobian: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SmoothMap(DifferentiableMap):
    """F with its curvature.

    Parameters
    ----------
    second
        (d,), (d,) -> (m,): D^2 F(h)[n, n].
    curvature_bound
        L with ||D^2 F(h)[n, n]|| <= L ||n||^2 for every h.
    linear_factor
        P (r, d) where F = G o P is known by construction.
    """

    second: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curvature_bound: float
    linear_factor: np.ndarray | None = None


def tanh_network(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray] | None = None,
    linear_factor: np.ndarray | None = None,
) -> SmoothMap:
    """F(h) = W_k tanh(... tanh(W_1 h + b_1) ...): tanh between the layers, none at the end.

    Parameters
    ----------
    weights
        W_1 (d_1, d), W_2 (d_2, d_1), ..., W_k (m, d_{k-1}).
    biases
        b_1 (d_1,), ... for all layers but the last; zero if left out.
    """
    *inner, last = weights
    shifts = [np.zeros(len(w)) for w in inner] if biases is None else list(biases)

    def value(h: np.ndarray) -> np.ndarray:
        for w, b in zip(inner, shifts, strict=True):
            h = np.tanh(w @ h + b.reshape(-1, *[1] * (h.ndim - 1)))
        return last @ h

    def jet(h: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """DF[n] and D^2 F[n, n] for every column n of directions (d, k)."""
        first, second = directions, np.zeros_like(directions)
        for w, b in zip(inner, shifts, strict=True):
            first, second = w @ first, w @ second
            h = np.tanh(w @ h + b)
            slope, bend = 1 - h**2, -2 * h * (1 - h**2)
            second = bend[:, None] * first**2 + slope[:, None] * second
            first = slope[:, None] * first
        return last @ first, last @ second

    # Lipschitz constant and curvature of what has been composed so far (|tanh'| <= 1).
    lipschitz, curvature = 1.0, 0.0
    for w in inner:
        norm = float(np.linalg.norm(w, 2))
        lipschitz, curvature = lipschitz * norm, curvature * norm
        curvature += _TANH_CURVATURE * lipschitz**2
    return SmoothMap(
        value=value,
        jacobian=lambda h: jet(h, np.eye(h.size))[0],
        second=lambda h, n: jet(h, n[:, None])[1][:, 0],
        curvature_bound=float(np.linalg.norm(last, 2)) * curvature,
        linear_factor=linear_factor,
    )


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) with orthonormal rows or columns, whichever are fewer; Haar distributed."""
    tall = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))[0]
    return tall if rows >= columns else tall.T

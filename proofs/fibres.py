"""The set of vectors with the same outputs, found at finite amplitude: no rank is taken of J(v)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from proofs.smooth_maps import orthonormal

Observation = Callable[[np.ndarray], np.ndarray]  # (d, k) columns, complex too -> (M, k)

_STEP = 1e-100  # of the complex step, whose error is its square
_ROUNDING = 1e-13  # hundreds of float64 units: a few layers of width below ten


def fibre_displacements(
    observe: Observation, vector: np.ndarray, radius: float, rng: np.random.Generator
) -> np.ndarray:
    """Members v' of {v' : observe(v') = observe(v)}, as displacements v' - v, shape (k, d).

    An orthonormal frame of starting points at ``radius`` from v, on both sides, each projected on
    the fibre by Gauss--Newton with steps of least norm. A start counts once its steps have died
    away (below 1e-8 of the radius) and its outputs are those of v, to rounding; others are left
    out.
    """
    frame = orthonormal(rng, vector.size, vector.size)
    wanted = observe(vector[:, None])[:, 0]
    members = []
    for start in np.vstack([frame, -frame]):
        displacement = radius * start
        for _ in range(200):
            point = vector + displacement
            residual = observe(point[:, None])[:, 0] - wanted
            steering = _complex_step_jacobian(observe, point)
            step = -np.linalg.lstsq(steering, residual, rcond=1e-9)[0]
            displacement = displacement + step
            if np.linalg.norm(step) <= 1e-8 * radius:
                outputs = observe((vector + displacement)[:, None])[:, 0]
                if np.linalg.norm(outputs - wanted) <= _ROUNDING * max(1, np.linalg.norm(wanted)):
                    members.append(displacement)
                break
    return np.array(members).reshape(-1, vector.size)


def fibre_dimension(
    observe: Observation, vector: np.ndarray, rng: np.random.Generator, radius: float = 1e-5
) -> int:
    """Local dimension at v of {v' : observe(v') = observe(v)}.

    Projected on a manifold, a frame of radius ``radius`` on both sides keeps the singular value
    sqrt(2) times the radius along the manifold and curvature times its square across.
    """
    members = fibre_displacements(observe, vector, radius, rng)
    if not members.size:
        return 0
    return int(np.sum(np.linalg.svd(members / radius, compute_uv=False) > 0.5))


def _complex_step_jacobian(observe: Observation, point: np.ndarray) -> np.ndarray:
    """(M, d) to rounding, from values alone (Squire & Trapp 1998, doi:10.1137/S003614459631241X)."""
    return observe(point[:, None] + 1j * _STEP * np.eye(point.size)).imag / _STEP

"""The set of vectors with the same outputs, found at finite amplitude: no rank is taken of J(v)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from proofs.shared.smooth_maps import orthonormal

Observation = Callable[[np.ndarray], np.ndarray]  # (d, k) columns, complex too -> (M, k)

_STEP = 1e-100  # of the complex step, whose error is its square
_ROUNDING = 1e-13  # hundreds of float64 units: a few layers of width below ten


def fibre_displacements(
    observe: Observation, vector: np.ndarray, radius: float, rng: np.random.Generator
) -> np.ndarray:
    """Members v' of {v' : observe(v') = observe(v)}, as displacements v' - v, shape (k, d).

    An orthonormal frame of starting points at ``radius`` from v, on both sides, each projected on
    the fibre by Gauss--Newton with steps of least norm. A start counts if its outputs become those
    of v, to rounding, with steps that die away; others are left out.
    """
    frame = orthonormal(rng, vector.size, vector.size)
    members = [_project(observe, vector, radius * start) for start in np.vstack([frame, -frame])]
    return np.array([m for m in members if m is not None]).reshape(-1, vector.size)


def _project(
    observe: Observation, vector: np.ndarray, displacement: np.ndarray
) -> np.ndarray | None:
    wanted = observe(vector[:, None])[:, 0]
    # Two such steps in a row: the first leaves an error of its square, the second rounding only,
    # which is up to 1e-10 where the smallest singular value is 1e-5.
    small = 1e-4 * np.linalg.norm(displacement)
    steps = [np.inf, np.inf]
    while max(steps[-2:]) > small and len(steps) < 200:
        point = vector + displacement
        residual = observe(point[:, None])[:, 0] - wanted
        step = -np.linalg.lstsq(complex_step_jacobian(observe, point), residual, rcond=1e-9)[0]
        displacement = displacement + step
        steps.append(float(np.linalg.norm(step)))
    apart = np.linalg.norm(observe((vector + displacement)[:, None])[:, 0] - wanted)
    arrived = max(steps[-2:]) <= small and apart <= _ROUNDING * max(1, np.linalg.norm(wanted))
    return displacement if arrived else None


def fibre_dimension(
    observe: Observation, vector: np.ndarray, rng: np.random.Generator, radius: float = 1e-6
) -> int:
    """Local dimension at v of {v' : observe(v') = observe(v)}.

    Projected on a manifold, a frame of radius ``radius`` on both sides keeps the singular value
    sqrt(2) times the radius along the manifold and curvature times its square across.
    """
    members = fibre_displacements(observe, vector, radius, rng)
    if not members.size:
        return 0
    return int(np.sum(np.linalg.svd(members / radius, compute_uv=False) > 0.5))


def complex_step_jacobian(observe: Observation, point: np.ndarray) -> np.ndarray:
    """(M, d) to rounding, from values alone (Squire & Trapp, doi:10.1137/S003614459631241X)."""
    return np.imag(observe(point[:, None] + 1j * _STEP * np.eye(point.size))) / _STEP

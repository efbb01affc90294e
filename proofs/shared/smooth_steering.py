"""Smooth continuations steered to a point, each with a direction that the Jacobian there misses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import identifiability
from proofs.shared.smooth_maps import SmoothMap, orthonormal, tanh_network


@dataclass(frozen=True)
class SmoothSteering:
    """A smooth continuation F, a state, a vector at one strength, and a direction n."""

    map: SmoothMap
    state: np.ndarray  # (d,)
    vector: np.ndarray  # (d,)
    strength: float
    direction: np.ndarray  # (d,): n, of norm 1, or 0 where the kernel is trivial

    @property
    def point(self) -> np.ndarray:
        return self.state + self.strength * self.vector

    def observe(self, vectors: np.ndarray) -> np.ndarray:
        """(d, k) columns v' -> (m, k) outputs."""
        return self.map.value(self.state[:, None] + self.strength * vectors)

    def deviation(self, sizes: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """(k,): ||F(p + tn) - F(p)|| for each size t."""
        moved = self.map.value(self.point[:, None] + direction[:, None] * sizes)
        return np.linalg.norm(moved - self.map.value(self.point[:, None]), axis=0)

    @property
    def seen(self) -> identifiability.EquivalenceClass:
        jacobian = self.strength * self.map.jacobian(self.point)
        return identifiability.EquivalenceClass(jacobian, self.vector)


def numerical_rank(jacobian: np.ndarray) -> int:
    """Rank by numpy."""
    # An absolute floor: the instances have Jacobians of norm about 1, or 0.
    return int(np.linalg.matrix_rank(jacobian, tol=1e-9))


def curved(rng: np.random.Generator) -> SmoothSteering:
    """A bottleneck of width r behind a non-linearity: rank r everywhere, and no linear factor.

    Orthonormal weights and a point of norm 1 keep every slope above 0.4, and with it the smallest
    singular value above 0.15.
    """
    width = int(rng.integers(2, 7))
    rank = int(rng.integers(1, width + 1))
    return steered_to(bottleneck(rng, width, rank), orthonormal(rng, width, 1)[:, 0], rng)


def inflection(rng: np.random.Generator) -> SmoothSteering:
    """tanh is odd: at 0, D^2 F = 0 although F is not affine."""
    width = int(rng.integers(2, 7))
    return steered_to(bottleneck(rng, width, int(rng.integers(1, width))), np.zeros(width), rng)


def linearly_factored(rng: np.random.Generator) -> SmoothSteering:
    """A bottleneck of width r before the non-linearity: F = G o P."""
    width = int(rng.integers(2, 7))
    rank = int(rng.integers(1, width))
    factor = orthonormal(rng, rank, width)
    readout = orthonormal(rng, int(rng.integers(rank, width + 3)), rank)
    network = tanh_network([factor, readout], linear_factor=factor)
    return steered_to(network, orthonormal(rng, width, 1)[:, 0], rng)


def bowl(rng: np.random.Generator) -> SmoothSteering:
    """F(h) = w @ h + L (u @ h)^2 / 2 with u orthogonal to w and p: the bound is reached."""
    w, u, p = orthonormal(rng, int(rng.integers(3, 7)), 3).T
    bend = float(rng.uniform(0.5, 2))
    function = SmoothMap(
        value=lambda h: (w @ h + bend * (u @ h) ** 2 / 2)[None],
        jacobian=lambda h: (w + bend * (u @ h) * u)[None],
        second=lambda h, n: np.array([bend * (u @ n) ** 2]),
        curvature_bound=bend,
    )
    return SmoothSteering(function, np.zeros(p.size), p, 1.0, direction=u)


def bottleneck(rng: np.random.Generator, width: int, rank: int) -> SmoothMap:
    """U tanh(V tanh(W h)) with W orthogonal, V (r, d) and U (m, r), m >= r, orthonormal."""
    outputs = int(rng.integers(rank, width + 3))
    shapes = [(width, width), (rank, width), (outputs, rank)]
    return tanh_network([orthonormal(rng, *shape) for shape in shapes])


def steered_to(function: SmoothMap, point: np.ndarray, rng: np.random.Generator) -> SmoothSteering:
    """Steered to ``point``, with a random direction of the kernel there (0 if there is none)."""
    strength = float(rng.choice([-2.0, -0.5, 0.5, 1.0, 2.0]))
    vector = rng.standard_normal(point.size)
    jacobian = function.jacobian(point)
    kernel = np.linalg.svd(jacobian)[2][numerical_rank(jacobian) :]
    mixed = rng.standard_normal(len(kernel)) @ kernel
    direction = mixed / np.linalg.norm(mixed) if len(kernel) else mixed
    return SmoothSteering(function, point - strength * vector, vector, strength, direction)

r"""States that mix concepts linearly, h = A s, from independent sources to spherical ones.

The law of the sources is the generalised normal, of density proportional to exp(-\|x\|^shape):
Laplace at shape 1, Gaussian at 2, uniform at infinity. Independence is taken away by turning whole
samples at random, which leaves them uncorrelated: once all are turned the law is spherical, and
A and A times any rotation explain the states equally well (theory.md R1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toy_models.planted import require


@dataclass(frozen=True, eq=False)
class MixedStates:
    """Sources, the states they make, and what of the mixing no sample can tell.

    Parameters
    ----------
    mixing
        (d, k) the matrix A.
    sources, states
        (n, k) of mean 0 and variance 1 in law, and (n, d): ``sources @ mixing.T``.
    held_out_sources, held_out_states
        The same, of further samples.
    free
        Columns of A that a rotation among themselves replaces with the law of the states unchanged:
        the Gaussian ones if there are two or more, all if the law is spherical.
    """

    mixing: np.ndarray
    sources: np.ndarray
    states: np.ndarray
    held_out_sources: np.ndarray
    held_out_states: np.ndarray
    free: tuple[int, ...]


@dataclass(frozen=True)
class LinearMixing:
    """Linear mixing of k sources into d dimensions.

    Parameters
    ----------
    width, sources
        d and k; k = d if not given.
    shape
        Of the law of the sources that are not Gaussian; ``math.inf`` is uniform.
    gaussians
        How many sources are Gaussian: the last ones.
    dependence
        Share of the samples that are turned by a random rotation of all sources: 0 independent,
        1 spherical. In between, R1 says nothing.
    samples, held_out
        n, and the number of further samples.

    Examples
    --------
    >>> instance = LinearMixing(width=4, gaussians=2).sample(0)
    >>> instance.states.shape, instance.free
    ((5000, 4), (2, 3))
    """

    width: int = 4
    sources: int | None = None
    shape: float = 1.0
    gaussians: int = 0
    dependence: float = 0.0
    samples: int = 5000
    held_out: int = 2000

    def sample(self, seed: int) -> MixedStates:
        """Draw the mixing (condition number at most 10) and the samples."""
        count = self.width if self.sources is None else self.sources
        require(
            1 <= count <= self.width,
            f"sources must lie between 1 and width, got {count} for width {self.width}; "
            "more sources than dimensions are not separated by a linear map",
        )
        require(
            0 <= self.gaussians <= count,
            f"gaussians must lie between 0 and the {count} sources, got {self.gaussians}",
        )
        require(self.shape > 0, f"shape must be positive, got {self.shape}; 1 is Laplace")
        require(0 <= self.dependence <= 1, f"dependence must lie in [0, 1], got {self.dependence}")
        require(
            self.samples > 0 and self.held_out > 0,
            f"samples and held_out must be positive, got {self.samples} and {self.held_out}",
        )
        rng = np.random.default_rng(seed)
        mixing = _mixing(rng, self.width, count)
        total = self.samples + self.held_out
        regular = generalised_normal(self.shape, (total, count - self.gaussians), rng)
        drawn = np.hstack([regular, rng.standard_normal((total, self.gaussians))])
        drawn = _turned(drawn, rng.random(total) < self.dependence, rng)
        states = drawn @ mixing.T
        gaussian = count if self.shape == 2 else self.gaussians
        block = tuple(range(count - gaussian, count)) if gaussian > 1 else ()
        if self.dependence == 1 and count > 1:
            block = tuple(range(count))
        return MixedStates(
            mixing=mixing,
            sources=drawn[: self.samples],
            states=states[: self.samples],
            held_out_sources=drawn[self.samples :],
            held_out_states=states[self.samples :],
            free=block,
        )


def generalised_normal(shape: float, size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Samples of variance 1 of the density proportional to exp(-|x / scale|^shape)."""
    if math.isinf(shape):
        return rng.uniform(-math.sqrt(3), math.sqrt(3), size)
    scale = math.exp((math.lgamma(1 / shape) - math.lgamma(3 / shape)) / 2)
    modulus = rng.standard_gamma(1 / shape, size) ** (1 / shape)
    return scale * modulus * rng.choice([-1.0, 1.0], size)


def _mixing(rng: np.random.Generator, width: int, count: int) -> np.ndarray:
    """Gaussian entries; drawn again until no direction is squeezed tenfold against another."""
    while True:
        matrix = rng.standard_normal((width, count))
        if np.linalg.cond(matrix) <= 10:
            return matrix


def _turned(samples: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The chosen samples in a uniformly random direction, their length kept."""
    direction = rng.standard_normal(samples.shape)
    direction *= np.linalg.norm(samples, axis=1, keepdims=True) / np.linalg.norm(
        direction, axis=1, keepdims=True
    )
    return np.where(chosen[:, None], direction, samples)

"""Linear mixtures of finitely valued and Gaussian sources, whose law is known exactly.

A source is x + g with x finitely valued and g Gaussian, independent of x. Cumulants above the
second are those of x, and the characteristic function is a finite sum times a Gaussian one, so
population statements are checked without a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np


@dataclass(frozen=True)
class MixedSources:
    """s = x + Gaussian part, h = As, y = Jh; x has finitely many values, so its law is exact."""

    points: np.ndarray  # (K, d) integers, the values of x
    weights: np.ndarray  # (K,) their probabilities, dyadic
    noise: np.ndarray  # (d,) variances of the Gaussian part, independent of x and within itself
    mixing: np.ndarray  # (D, d) A
    readout: np.ndarray  # (m, D) J
    known: np.ndarray  # (D, k) U: the columns of A are known to lie in its range

    @property
    def centred(self) -> np.ndarray:
        return self.points - self.weights @ self.points

    @property
    def covariance(self) -> np.ndarray:
        """(d, d) of s."""
        return self.centred.T * self.weights @ self.centred + np.diag(self.noise)

    @property
    def independent(self) -> bool:
        """Whether the probability of each value of x is the product of its components'."""
        expected = np.ones(self.weights.size)
        for component in self.points.T:
            _, place = np.unique(component, return_inverse=True)
            expected *= np.bincount(place, weights=self.weights)[place]
        # Dyadic weights: products are exact in float64.
        return np.array_equal(expected, self.weights)

    @property
    def gaussian(self) -> np.ndarray:
        """(d,) finitely valued plus Gaussian is Gaussian iff the first part is constant."""
        return (np.ptp(self.points, axis=0) == 0) & (self.noise > 0)


def product_law(
    supports: Sequence[np.ndarray], odds: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Points (K, d) and weights (K,) of independent components with the given values and odds."""
    shares = [np.asarray(o) / np.sum(o) for o in odds]
    return np.array(list(product(*supports))), np.prod(list(product(*shares)), axis=1)


def contracted_cumulants(instance: MixedSources, seen: np.ndarray) -> Iterator[np.ndarray]:
    """(d, d) cum(s, s, yᵀNy) + cum(s, s, w·y), y = ``seen`` @ s, for 20 random N and w.

    With independent s it is diagonal; a Gaussian part adds nothing to it.
    """
    x, weights = instance.centred, instance.weights
    moment = x.T * weights @ x
    rng = np.random.default_rng(0)
    for _ in range(20):
        half = rng.standard_normal((len(seen), len(seen)))
        n = seen.T @ (half + half.T) @ seen
        w = seen.T @ rng.standard_normal(len(seen)) * np.linalg.norm(seen)
        form = np.einsum("ki,ij,kj->k", x, n, x) + x @ w
        yield x.T * (weights * form) @ x - moment * np.sum(moment * n) - 2 * moment @ n @ moment


# Values (K, 2), weights (K,), Gaussian variances (2,) of a pair; turns (T,) -> dependence (T,).
Dependence = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def free_planes(instance: MixedSources, dependence: Dependence) -> dict[tuple[int, int], float]:
    """For each pair of sources the largest turn, away from quarter turns, that is not noticed.

    A turn by an angle (radians) of the two standardised sources is noticed if ``dependence``
    exceeds 1e-9 there; turns are tried every 2.5 degrees.
    """
    turns = np.deg2rad(np.arange(0, 90, 2.5))
    distance = np.minimum(turns, np.pi / 2 - turns)
    deviation = np.sqrt(np.diag(instance.covariance))
    found = {}
    for pair in combinations(np.flatnonzero(deviation), 2):
        chosen = list(pair)
        values, place = np.unique(instance.centred[:, chosen], axis=0, return_inverse=True)
        weights = np.bincount(place.ravel(), weights=instance.weights)
        noise = instance.noise[chosen] / deviation[chosen] ** 2
        unnoticed = dependence(values / deviation[chosen], weights, noise, turns) <= 1e-9
        found[pair] = float(np.max(distance[unnoticed], initial=0.0))
    return found


def by_characteristic_function(
    values: np.ndarray, weights: np.ndarray, noise: np.ndarray, turns: np.ndarray
) -> np.ndarray:
    """Largest |phi(t1, t2) - phi(t1) phi(t2)| of the turned pair, over 24 points t."""
    points = 2 * np.random.default_rng(0).standard_normal((24, 2))
    cos, sin = np.cos(turns)[:, None], np.sin(turns)[:, None]

    def phi(t1: np.ndarray, t2: np.ndarray) -> np.ndarray:
        t = np.stack([cos * t1 - sin * t2, sin * t1 + cos * t2], axis=-1)  # (turns, 24, 2)
        return np.exp(1j * t @ values.T) @ weights * np.exp(-(t**2) @ noise / 2)

    first, second, zero = points[:, 0], points[:, 1], np.zeros(len(points))
    return np.abs(phi(first, second) - phi(first, zero) * phi(zero, second)).max(axis=1)


def by_cross_cumulants(*orders: int) -> Dependence:
    """The largest fourth cross-cumulant with the given numbers of arguments y2."""

    def dependence(
        values: np.ndarray, weights: np.ndarray, noise: np.ndarray, turns: np.ndarray
    ) -> np.ndarray:
        cos, sin = np.cos(turns)[:, None], np.sin(turns)[:, None]
        y1 = cos * values[:, 0] + sin * values[:, 1]  # (turns, K)
        y2 = -sin * values[:, 0] + cos * values[:, 1]
        worst = np.zeros(turns.size)
        for n in orders:
            a, b, c, d = [y1] * (4 - n) + [y2] * n
            pairings = sum(
                ((p * q) @ weights) * ((u * v) @ weights)
                for p, q, u, v in ((a, b, c, d), (a, c, b, d), (a, d, b, c))
            )
            worst = np.maximum(worst, np.abs((a * b * c * d) @ weights - pairings))
        return worst

    return dependence

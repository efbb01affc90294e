"""Scalar readouts of one hidden layer under several strengths, with ranks free of rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import identifiability
from proofs.shared.exact_activations import Activation


@dataclass(frozen=True, eq=False)
class SteeredReadout:
    """F(h_x + alpha v) with F(h) = sum of c_i phi(w_i @ h + b_i); integers throughout."""

    units: np.ndarray  # W (k, d)
    biases: np.ndarray  # b (k,)
    outputs: np.ndarray  # c (k,)
    activation: Activation
    states: np.ndarray  # (N, d), one for each prompt
    vector: np.ndarray  # (d,)
    strengths: tuple[int, ...]

    @cached_property
    def unsteered(self) -> np.ndarray:
        """(N, k) what the units read at alpha = 0."""
        return self.states @ self.units.T + self.biases

    def at(self, strengths: tuple[int, ...]) -> SteeredReadout:
        return replace(self, strengths=strengths)

    def observe(self, vectors: np.ndarray) -> np.ndarray:
        """(d, n) columns -> (|A| N, n) outputs, strength by strength."""
        along = self.units.astype(float) @ vectors
        reads = [self.unsteered[:, :, None] + a * along for a in self.strengths]
        return np.concatenate(
            [np.tensordot(self.activation.value(z), self.outputs, (1, 0)) for z in reads]
        )

    def stack(self, vector: np.ndarray) -> np.ndarray:
        """(|A| N, d): alpha J(h_x + alpha v) for each strength and prompt, in float64."""
        reads = [self.unsteered + a * (self.units @ vector) for a in self.strengths]
        weights = [self.outputs * self.activation.slope(z) for z in reads]
        rows = [a * w @ self.units for a, w in zip(self.strengths, weights, strict=True)]
        return np.concatenate(rows)


def stack_rank(readout: SteeredReadout) -> int:
    """Rank of the stack, over a prime field at a random value of e^(1/4)."""

    def rows(x: int, prime: int) -> list[list[int]]:
        found = []
        for strength in readout.strengths:
            for reads in readout.unsteered + strength * (readout.units @ readout.vector):
                slopes = [readout.activation.slope_mod(int(z), x, prime) for z in reads]
                parts = zip(_outputs(readout), slopes, strict=True)
                found.append([strength * c * s for c, s in parts])
        return found

    return _rank(readout, rows)


def taylor_rank(readout: SteeredReadout) -> int:
    """Rank of the covectors D^k F(h_x)[v^{k-1}, .] at the unsteered states, over a prime field.

    Orders up to the number of units are enough: their slopes along alpha are independent analytic
    functions iff their Wronskian of that order is not identically zero.
    """
    order = readout.activation.degree or len(readout.units)
    along = [int(u) for u in readout.units @ readout.vector]

    def rows(x: int, prime: int) -> list[list[int]]:
        found = []
        for reads in readout.unsteered:
            series = [readout.activation.series_mod(int(z), order, x, prime) for z in reads]
            parts = list(zip(_outputs(readout), series, along, strict=True))
            found += [[c * a[k] * u ** (k - 1) for c, a, u in parts] for k in range(1, order + 1)]
        return found

    return _rank(readout, rows)


def _outputs(readout: SteeredReadout) -> list[int]:
    return [int(c) for c in readout.outputs]


def _rank(readout: SteeredReadout, weights: Callable[[int, int], list[list[int]]]) -> int:
    """Rank of (weights W), where ``weights(x, prime)`` gives rows over the units."""
    units = readout.units.astype(object)

    def instance(draw: Callable[[], int], prime: int) -> list[list[int]]:
        return (np.array(weights(draw(), prime), object) @ units % prime).tolist()

    # With denominators (X + 1)^2 of every unit cleared, entries are polynomials in x of degree at
    # most 4 times the sum of |z|; reads stay below 100, orders below 20 and units below 20.
    rng = np.random.default_rng(0)
    return int(identifiability.generic_rank(instance, degree=4 * 20 * 20 * 100, rng=rng))

"""Networks with one hidden layer and integer weights: their Jacobians are free of rounding.

F(h) = K B phi(W before(h)), so that J = K B diag(phi') W diag(before'). Entries are Python
integers, of any size, and ranks can be taken over Q or a prime field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import identifiability
from proofs.shared.categorical import softmax

Sizes = tuple[int, int, int, int]  # d, q, w, m
Values = Callable[[int], np.ndarray]  # that many integers


@dataclass(frozen=True)
class Coordinatewise:
    """A function of one variable, applied to each coordinate, and its derivative."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]

    @property
    def _bends(self) -> np.ndarray:
        """Whether its second difference is non-zero, at -5, ..., 5."""
        return np.diff(self.value(np.arange(-6, 7)), n=2) != 0

    @property
    def is_affine(self) -> bool:
        return not self._bends.any()

    @property
    def looks_analytic(self) -> bool:
        """An analytic function that is affine on an interval is affine (identity theorem)."""
        return self.is_affine or bool((self._bends[1:] | self._bends[:-1]).all())


IDENTITY = Coordinatewise(lambda z: z, lambda z: 0 * z + 1)
SQUARE = Coordinatewise(lambda z: z**2, lambda z: 2 * z)
CUBIC = Coordinatewise(lambda z: z**3 + z, lambda z: 3 * z**2 + 1)
RELU = Coordinatewise(lambda z: z * (z > 0), lambda z: 0 * z + (z > 0))


@dataclass(frozen=True)
class IntegerNetwork:
    """F(h) = K B phi(W before(h)), and one state for each prompt."""

    first: np.ndarray  # W (q, d)
    behind: np.ndarray  # B (w, q)
    readout: np.ndarray  # K (m, w)
    states: np.ndarray  # (N, d)
    activation: Coordinatewise = SQUARE
    before: Coordinatewise = IDENTITY

    @property
    def sizes(self) -> Sizes:
        (q, d), (m, w) = self.first.shape, self.readout.shape
        return d, q, w, m

    @property
    def prompts(self) -> int:
        return len(self.states)

    @property
    def weights(self) -> np.ndarray:
        """All of them, in one row."""
        return np.concatenate([part.ravel() for part in (self.first, self.behind, self.readout)])

    def jacobian(self, state: np.ndarray) -> np.ndarray:
        """(m, d), exactly."""
        slopes = self.activation.slope(self.first.dot(self.before.value(state)))
        inner = slopes[:, None] * self.first * self.before.slope(state)
        return self.readout.dot(self.behind).dot(inner)

    def stack(self, prompts: int, log_odds: bool = False) -> np.ndarray:
        """(prompts m, d) exactly; or the log-odds against the last output, m - 1 each."""
        blocks = [self.jacobian(h) for h in self.states[:prompts]]
        return np.concatenate([b[:-1] - b[-1] if log_odds else b for b in blocks])

    def fisher_factor(self) -> tuple[np.ndarray, float]:
        """(N m, d) A in float64 with A^T A = sum of J^T (diag p - p p^T) J, and a bound on the
        norm of its rounding error.

        p is the softmax of the outputs, tempered (which changes no kernel) so that none rounds
        to 0. J - p^T J cancels what the outputs have in common, and keeps the rounding of J.
        """
        blocks, squares = [], 0.0
        for state in self.states:
            hidden = self.activation.value(self.first.dot(self.before.value(state)))
            logits = self.readout.dot(self.behind).dot(hidden).astype(float)
            p, J = softmax(logits / max(1.0, np.abs(logits).max())), self.jacobian(state)
            J = J.astype(float)
            blocks.append(np.sqrt(p)[:, None] * (J - p @ J))
            squares += float(np.sum(J**2))
        # One rounding each of J, of the m products and sums in p @ J, of p and of the difference.
        roundings = len(self.readout) + 3
        return np.concatenate(blocks), roundings * np.finfo(float).eps * squares**0.5


def network(
    sizes: Sizes,
    prompts: int,
    values: Values,
    activation: Coordinatewise = SQUARE,
    before: Coordinatewise = IDENTITY,
) -> IntegerNetwork:
    """A network whose weights, and then states, are the next ``values``."""
    d, q, w, m = sizes
    first, behind, readout = np.split(values(q * d + w * q + m * w), [q * d, q * d + w * q])
    states = values(prompts * d).reshape(prompts, d)
    shaped = first.reshape(q, d), behind.reshape(w, q), readout.reshape(m, w)
    return IntegerNetwork(*shaped, states, activation, before)


def without_repetition(rng: np.random.Generator) -> Values:
    """Each call draws different integers out of +-1 ... +-2000."""

    def values(count: int) -> np.ndarray:
        sizes = rng.choice(np.arange(1, 2001), count, replace=False)
        return (sizes * rng.choice([-1, 1], count)).astype(object)

    return values


def generic_stack_rank(sizes: Sizes, prompts: int, rng: np.random.Generator) -> int:
    """Rank that almost all networks with phi(z) = z^2 have, from random ones over prime fields."""

    def instance(draw: Callable[[], int], prime: int) -> list[list[int]]:
        def values(count: int) -> np.ndarray:
            return np.array([draw() for _ in range(count)], object)

        return (network(sizes, prompts, values).stack(prompts) % prime).tolist()

    # An entry sums products of one weight from each of K, B, W and a slope, which has degree 2.
    return int(identifiability.generic_rank(instance, degree=5, rng=rng))

"""Gauss-Newton for a planted vector: gradients are exact, linearisations kept while they serve.

A gradient is one backward pass and a linearisation up to d of them. At a fixed noise the fixed
point is that of the gradient, whatever the linearisation (a chord method; Ortega & Rheinboldt 1970,
section 7.1, doi:10.1137/1.9780898719468). Whether steps lead there depends on it, so that it is
kept only while each step is at most a fifth of the one before. A longer one is refused and computed
again from a new linearisation: an old one does not span the new gradient, and what is left over
runs off where nothing but the prior holds. Observations of few values are linearised at every step,
which costs them no more than the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

# The residual that a linearisation leaves is of second order: a tenth of what it starts from, taken
# as noise, keeps a step from fitting curvature with directions that are hardly seen.
_CURVATURE_SHARE = 0.1
_HALVINGS = 6
_STEPS_PER_LINEARISATION = 5
_CONTRACTION = 0.2  # of one step to the next, by a kept linearisation
_NEAR = 0.1  # of the vector: within it the information is taken to be that at the vector


class Observation(Protocol):
    """One prompt's output under steering, as a likelihood of the vector (d,)."""

    @property
    def values(self) -> int | None:
        """How many numbers with normal noise were observed; None if it is not of that kind."""
        ...

    @property
    def few(self) -> bool:
        """Whether it has so few values that its information costs no more than its gradient."""
        ...

    def misfit(self, vector: np.ndarray) -> float:
        """Minus the log-likelihood, in nats, up to a constant."""
        ...

    def gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """The misfit, and the gradient (d,) of the log-likelihood: one backward pass."""
        ...

    def information(self, vector: np.ndarray) -> np.ndarray:
        """(d, d) of the observation, J^T J in units of its noise: up to d backward passes."""
        ...


@dataclass(frozen=True)
class Fitted:
    """The vector of greatest posterior density that was reached.

    Attributes
    ----------
    vector
        (d,).
    information
        (d, d) of all observations, within a tenth of the vector's length of it; farther only where
        the search did not converge and no linearisation was left.
    steps
        Linearisations made; the one of the information may be one more than were allowed.
    converged
        Whether the last step was below the tolerance, at the observations' own noise.
    """

    vector: np.ndarray
    information: np.ndarray
    steps: int
    converged: bool


def most_probable(
    observations: Sequence[Observation],
    width: int,
    length: float,
    *,
    steps: int,
    tolerance: float = 0.02,
) -> Fitted:
    """Fit a vector to observations, from zero, knowing of it only about how long it is.

    A normal prior of variance length²/width an entry stands for that. It decides in directions that
    the observations do not see, and nowhere else.

    Parameters
    ----------
    observations
        Independent ones, of the same vector.
    width, length
        d, and the vector's length.
    steps
        At most so many linearisations.
    tolerance
        A step shorter than this share of the vector ends the search, once no noise is enlarged.
    """
    vector, precision = np.zeros(width), width / length**2
    information, where = np.zeros((width, width)), np.full(width, np.inf)
    taken, before, anew, converged = 0, np.inf, True, False
    few = all(observation.few for observation in observations)
    for _ in range(_STEPS_PER_LINEARISATION * steps):
        if anew:
            if taken == steps:
                break
            information, where = _sum_of(observations, vector), vector
            taken += 1
        found = [observation.gradient(vector) for observation in observations]
        misfit = sum(one for one, _ in found)
        inflation = _inflation(observations, misfit)
        gradient = np.sum([one for _, one in found], axis=0) / inflation - precision * vector
        direction = np.linalg.solve(information / inflation + precision * np.eye(width), gradient)
        size = float(np.linalg.norm(direction))
        if not anew and size > _CONTRACTION * before:
            anew = True
            continue

        here = misfit / inflation + 0.5 * precision * float(vector @ vector)
        objective = partial(_objective, observations, inflation, precision)
        share = _backtrack(objective, here, vector, direction)
        vector = vector + share * direction
        if size <= tolerance * np.linalg.norm(vector) and inflation == 1:
            converged = True
            break
        if share == 0 and anew:
            break
        anew, before = few or share < 1, size
    far = np.linalg.norm(vector - where) > _NEAR * np.linalg.norm(vector)
    if far and (converged or taken < steps):
        information, taken = _sum_of(observations, vector), taken + 1
    return Fitted(vector, information, taken, converged)


def _objective(
    observations: Sequence[Observation], inflation: float, precision: float, at: np.ndarray
) -> float:
    """Minus the log of the posterior density, up to a constant, the noise's variance enlarged."""
    misfit = sum(observation.misfit(at) for observation in observations)
    return misfit / inflation + 0.5 * precision * float(at @ at)


def _sum_of(observations: Sequence[Observation], vector: np.ndarray) -> np.ndarray:
    return np.sum([observation.information(vector) for observation in observations], axis=0)


def _inflation(observations: Sequence[Observation], misfit: float) -> float:
    """By how much the noise's variance is enlarged: curvature counts as noise while it is large."""
    counts = [observation.values for observation in observations]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return 1.0
    return max(1.0, _CURVATURE_SHARE**2 * 2 * misfit / sum(known))


def _backtrack(
    objective: Callable[[np.ndarray], float],
    before: float,
    vector: np.ndarray,
    direction: np.ndarray,
) -> float:
    """1, or a power of a half of it, at which the objective falls; 0 if it falls nowhere."""
    for halving in range(_HALVINGS + 1):
        share = 0.5**halving
        if objective(vector + share * direction) < before:
            return share
    return 0.0

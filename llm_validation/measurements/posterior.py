"""Gauss-Newton for a planted vector: every step linearises anew where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

# The residual that a linearisation leaves is of second order: a tenth of what it starts from, taken
# as noise, keeps a step from fitting curvature with directions that are hardly seen.
_CURVATURE_SHARE = 0.1
_HALVINGS = 6


class Linearised(NamedTuple):
    """An observation's log-likelihood around a vector, in nats.

    ``information`` (d, d) and ``gradient`` (d,) of it, and its ``misfit`` there.
    """

    information: np.ndarray
    gradient: np.ndarray
    misfit: float


class Observation(Protocol):
    """One prompt's output under steering, as a likelihood of the vector (d,)."""

    @property
    def values(self) -> int | None:
        """How many numbers with normal noise were observed; None if it is not of that kind."""
        ...

    def misfit(self, vector: np.ndarray) -> float:
        """Minus the log-likelihood, in nats, up to a constant."""
        ...

    def linearised(self, vector: np.ndarray) -> Linearised:
        """The log-likelihood's derivatives at the vector."""
        ...


@dataclass(frozen=True)
class Fitted:
    """The vector of greatest posterior density that was reached.

    Attributes
    ----------
    vector
        (d,).
    information
        (d, d) of all observations, at the last linearisation.
    steps
        Linearisations made.
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
        A step shorter than this share of the vector ends the search; the next would be of its
        square.
    """
    vector, precision = np.zeros(width), width / length**2
    information = np.zeros((width, width))
    for step in range(1, steps + 1):
        found = [observation.linearised(vector) for observation in observations]
        information = np.sum([one.information for one in found], axis=0)
        misfit = sum(one.misfit for one in found)
        inflation = _inflation(observations, misfit)
        gradient = np.sum([one.gradient for one in found], axis=0) / inflation - precision * vector
        direction = np.linalg.solve(information / inflation + precision * np.eye(width), gradient)

        def objective(at: np.ndarray, inflation: float = inflation) -> float:
            fit = sum(observation.misfit(at) for observation in observations)
            return fit / inflation + 0.5 * precision * float(at @ at)

        before = misfit / inflation + 0.5 * precision * float(vector @ vector)
        share = _backtrack(objective, before, vector, direction)
        vector = vector + share * direction
        short = np.linalg.norm(direction) <= tolerance * np.linalg.norm(vector)
        if short and inflation == 1:
            return Fitted(vector, information, step, True)
        if share == 0:
            return Fitted(vector, information, step, False)
    return Fitted(vector, information, steps, False)


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

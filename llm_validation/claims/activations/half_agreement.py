r"""Do two halves of the data give the same columns, and how sure is that?

States are made white on the first half, so that a rotation that second moments leave free is one.
Columns of the halves are matched one to one; agreement is the |cosine| of each pair, and its error
a jackknife one over blocks of groups. Chance is not 0: it is what a surrogate reaches in 97.5 % of
its draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from identifiability.metrics import mcc_directions

TURNING = 2 * sqrt(2) / pi
"""Mean |cosine| of two columns that turn freely in their plane: the least that can be left open,
and the one that looks most stable (theory.md section 3)."""

BLOCKS = 10
"""Of groups, left out in turn: nine degrees of freedom, and ten fits of each half."""

SURROGATES = 40
"""Draws of a surrogate, the fewest that have a 97.5 % quantile: the largest is beyond it."""

Environment = tuple[np.ndarray, np.ndarray]
"""States (n, k) and the label of the group of each, (n,)."""

Columns = Callable[[Sequence[np.ndarray], int], np.ndarray]
"""From the states of each environment, and the number of the half, to columns (k, k)."""


@dataclass(frozen=True)
class WhiteProjection:
    """On the leading principal components of the pooled covariance within environments."""

    mean: np.ndarray  # (d,)
    matrix: np.ndarray  # (k, d)

    @classmethod
    def of(cls, environments: Sequence[np.ndarray], components: int) -> WhiteProjection:
        """From states (n_e, d) of each environment, every environment with the same weight."""
        covariances = [np.cov(states.T) for states in environments]
        values, vectors = np.linalg.eigh(np.mean(covariances, axis=0))
        leading = vectors[:, ::-1][:, :components]
        mean = np.mean([states.mean(axis=0) for states in environments], axis=0)
        return cls(mean, (leading / np.sqrt(values[::-1][:components])).T)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """(n, k) for (n, d)."""
        return (states - self.mean) @ self.matrix.T


def agreement(
    columns: Columns, first: Sequence[Environment], second: Sequence[Environment]
) -> np.ndarray:
    """(k,) |cosine| of matched columns, in no order."""
    halves = ([states for states, _ in half] for half in (first, second))
    one, other = (columns(states, number) for number, states in enumerate(halves))
    return mcc_directions(other, one, draws=1).parts


def summary(parts: np.ndarray) -> np.ndarray:
    """(2,) mean and minimum over columns."""
    return np.array([parts.mean(), parts.min()])


def surrogate_summaries(draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """(SURROGATES, 2) for a function from the number of a draw to the agreement in it."""
    return np.array([summary(draw(number)) for number in range(SURROGATES)])


def jackknife_errors(
    columns: Columns,
    first: Sequence[Environment],
    second: Sequence[Environment],
    rng: np.random.Generator,
) -> np.ndarray:
    """(2,) standard errors of ``summary``, by leaving out a tenth of the groups of both halves."""
    blocks = [[_blocks(labels, rng) for _, labels in half] for half in (first, second)]
    found = []
    for block in range(BLOCKS):
        halves = [
            [
                (states[where != block], labels[where != block])
                for (states, labels), where in zip(half, of_half, strict=True)
            ]
            for half, of_half in zip((first, second), blocks, strict=True)
        ]
        found.append(summary(agreement(columns, *halves)))
    return np.sqrt((BLOCKS - 1) * np.var(found, axis=0))


def _blocks(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) block of each state; groups stay whole."""
    names, index = np.unique(labels, return_inverse=True)
    return (rng.permutation(len(names)) % BLOCKS)[index]

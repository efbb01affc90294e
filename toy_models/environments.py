r"""One structural causal model in several environments: what interventions show of its mixing.

Latents follow a directed acyclic graph, z = B z + n with independent noises n, and states are
h = H z: seen from the noises, h = A n with A = H (I - B)^-1 the same in every environment. Soft
interventions change the variances of the noises, so that the states of environment e have
covariance A Lambda_e A^T (theory.md R3b).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import networkx as nx
import numpy as np

from toy_models.planted import orthonormal, require

# Difference of log variance ratios between any two profiles that no dial brings together: three
# times the largest gap worth dialling for a close pair at a few thousand samples.
_SPREAD = 0.9
_EDGE_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class EnvironmentStates:
    """States of every environment, with the mixing behind them.

    Parameters
    ----------
    states
        One (n, width) array for each environment.
    mixing
        (width, d) A, columns in the order of the nodes.
    variances
        (d, E) of the noises: the profiles.
    graph
        On the nodes 0 .. d - 1; edges carry ``weight``.
    """

    states: tuple[np.ndarray, ...]
    mixing: np.ndarray
    variances: np.ndarray
    graph: nx.DiGraph


@dataclass(frozen=True)
class StructuralEnvironments:
    """Soft interventions on the noises of a random linear structural causal model.

    Parameters
    ----------
    width
        d, nodes and (but for ``null_directions``) coordinates of the states.
    gaps
        For every environment after the first, the difference between the log variance ratios of
        the two nodes ``pair``. ``(0.0,)``: two environments, proportional profiles; ``(0.0, 0.6)``:
        a third one that tells them apart. All other profiles differ by 0.9 or more in the second
        environment.
    pair
        Nodes that the gaps are about.
    untouched
        Nodes that no intervention reaches: their variances never change.
    silent
        Nodes without noise in any environment: zero profiles.
    null_directions
        Directions of the states, beyond d, in which nothing ever varies.
    correlation
        Between the noises of ``pair`` in every environment after the first: a confounder.
    samples
        n, in each environment.
    law
        Of the noises.

    Examples
    --------
    >>> instance = StructuralEnvironments(gaps=(0.5, 0.1), samples=100).sample(0)
    >>> len(instance.states), instance.states[0].shape, instance.mixing.shape
    (3, (100, 5), (5, 5))
    """

    width: int = 5
    gaps: tuple[float, ...] = (0.6,)
    pair: tuple[int, int] = (1, 3)
    untouched: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()
    null_directions: int = 0
    correlation: float = 0.0
    samples: int = 15_000
    law: Literal["gaussian", "laplace"] = "gaussian"

    def sample(self, seed: int) -> EnvironmentStates:
        """Draw graph, mixing, variances and states."""
        named = [*self.pair, *self.untouched]
        require(
            len(set(named)) == len(named) and set(named) <= set(range(self.width)),
            f"pair and untouched must be different nodes below {self.width}, got {named}",
        )
        require(
            set(self.silent) <= set(range(self.width)) and not set(self.silent) & set(self.pair),
            f"silent must be nodes below {self.width} outside the pair, got {self.silent}",
        )
        require(bool(self.gaps), "gaps must have one entry for each environment after the first")
        require(
            abs(self.correlation) < 1, f"correlation must lie in (-1, 1), got {self.correlation}"
        )
        rng = np.random.default_rng(seed)
        graph, inverse = structural_model(rng, self.width)
        mixing = well_conditioned_map(rng, self.width + self.null_directions, self.width) @ inverse
        variances = self._variances(rng)
        states = tuple(
            np.sqrt(variances[:, e]) * self._noises(rng, confounded=e > 0) @ mixing.T
            for e in range(variances.shape[1])
        )
        return EnvironmentStates(states, mixing, variances, graph)

    def _variances(self, rng: np.random.Generator) -> np.ndarray:
        """(d, E): exp of ratios that lie on a grid of spacing 0.9, but for the pair."""
        others = [i for i in range(self.width) if i not in (*self.pair, *self.untouched)]
        logs = np.zeros((self.width, len(self.gaps) + 1))
        logs[:, 0] = rng.uniform(-0.5, 0.5, self.width)
        for e, gap in enumerate(self.gaps, start=1):
            # -1, 2, -2, 3, ...: 0 is kept for untouched nodes, 1 for the pair.
            grid = [(-1) ** (k + 1) * (1 + (k + 1) // 2) for k in range(len(others))]
            ratios = np.zeros(self.width)
            ratios[others] = _SPREAD * np.array(grid if e == 1 else rng.permutation(grid))
            ratios[others] += max(gap, 0.0) * (ratios[others] > 0)
            ratios[list(self.pair)] = _SPREAD, _SPREAD + gap
            logs[:, e] = logs[:, 0] + ratios
        variances = np.exp(logs)
        variances[list(self.silent)] = 0.0
        return variances

    def _noises(self, rng: np.random.Generator, *, confounded: bool) -> np.ndarray:
        """(n, d) of variance 1."""
        shape = (self.samples, self.width)
        if self.law == "gaussian":
            noises = rng.standard_normal(shape)
        else:
            noises = rng.laplace(scale=np.sqrt(0.5), size=shape)
        if confounded and self.correlation:
            first, second = self.pair
            rest = np.sqrt(1 - self.correlation**2)
            noises[:, second] = self.correlation * noises[:, first] + rest * noises[:, second]
        return noises


def structural_model(rng: np.random.Generator, width: int) -> tuple[nx.DiGraph, np.ndarray]:
    """A random acyclic graph with weights of modulus 0.3 to 0.8, and (I - B)^-1 (d, d)."""
    order = rng.permutation(width)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(width))
    for later in range(width):
        for earlier in range(later):
            if rng.random() < _EDGE_SHARE:
                weight = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.8)
                graph.add_edge(int(order[earlier]), int(order[later]), weight=float(weight))
    # networkx has sources in rows: B_ij is the weight of the edge from j to i.
    weights = nx.to_numpy_array(graph, nodelist=range(width), weight="weight").T
    return graph, np.linalg.inv(np.eye(width) - weights)


def well_conditioned_map(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) with singular values from 1 to 2 and uniform singular vectors."""
    left, right = orthonormal(rng, rows, columns), orthonormal(rng, columns, columns)
    return (left * np.linspace(1, 2, columns)) @ right.T


def leaks(variances: np.ndarray, samples: int) -> np.ndarray:
    r"""(d, d) standard error of the share of column i in the estimate of column j.

    From the perturbation of a pencil of two environments: with r their variance ratios and
    variances of the first scaled to 1, T_ij = (r_i F_ij - F'_ij)/(r_i - r_j), where F and F' are
    the errors of the sample covariances of independent sources, Var F_ij = 1/n and
    Var F'_ij = r_i r_j/n. Of several environments the best two bound what all of them do. In units
    of the standard deviations over all environments; infinite for proportional profiles.
    """
    best = np.full((len(variances), len(variances)), np.inf)
    pooled = variances.mean(axis=1)
    for first, second in combinations(variances.T, 2):
        ratios = second / first
        r, other = ratios[:, None], ratios[None, :]
        # Ratios equal but for rounding are those of proportional profiles.
        apart = np.where(np.isclose(r, other, rtol=1e-12, atol=0.0), 0.0, r - other)
        error = np.full(apart.shape, np.inf)
        np.divide(np.sqrt((r**2 + r * other) / samples), np.abs(apart), out=error, where=apart != 0)
        units = np.sqrt(first / pooled)
        best = np.minimum(best, error * units[:, None] / units[None, :])
    np.fill_diagonal(best, 0.0)
    return best

r"""Difference vectors of a trait in several environments, with what is associated there.

In the structural causal model of ``toy_models.environments`` a label moves one noise, the trait; in
every environment it is also associated with other noises, by amounts that vary. The difference of
mean states between labels is v_e = c + S a_e, with c and S columns of A (theory.md R3c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toy_models.environments import structural_model, well_conditioned_map
from toy_models.planted import orthonormal, require


@dataclass(frozen=True, eq=False)
class TraitVectors:
    """Vectors of every environment, with what they are made of.

    Parameters
    ----------
    vectors
        (E, d), estimated from samples where the model says so.
    error
        Norm of the largest error of a vector; 0 where they are exact.
    common
        (E, d) c in every environment: rows differ only where it drifts.
    spurious
        (d, s) S.
    amounts
        (E, s) rows a_e.
    """

    vectors: np.ndarray
    error: float
    common: np.ndarray
    spurious: np.ndarray
    amounts: np.ndarray


@dataclass(frozen=True)
class TraitEnvironments:
    """Difference vectors of a trait whose spurious correlates vary by environment.

    Parameters
    ----------
    width, environments, rank
        d, E, and the number of spurious nodes.
    orthogonal
        Whether c is orthogonal to S; otherwise a third of its energy lies in col(S).
    balanced
        Whether the amounts add up to zero, so that S a-bar = 0.
    constant
        How many of the spurious nodes have the same amount in every environment.
    drift
        How far c moves from environment to environment, along a direction orthogonal to S and at 60
        degrees to c.
    noise
        Norm of the error of each vector, in a uniformly random direction; c has norm 1.

    Examples
    --------
    >>> instance = TraitEnvironments(rank=1).sample(0)
    >>> instance.vectors.shape, bool(abs(instance.common[0] @ instance.spurious[:, 0]) < 1e-12)
    ((4, 8), True)
    """

    width: int = 8
    environments: int = 4
    rank: int = 2
    orthogonal: bool = True
    balanced: bool = False
    constant: int = 0
    drift: float = 0.0
    noise: float = 0.0

    def sample(self, seed: int) -> TraitVectors:
        """Draw the model and the extracted vectors."""
        require(
            1 <= self.rank <= self.width - 2,
            f"rank must lie between 1 and width - 2, got {self.rank} for width {self.width}",
        )
        require(
            0 <= self.constant <= self.rank,
            f"constant must lie between 0 and rank, got {self.constant} for rank {self.rank}",
        )
        require(self.environments >= 1, f"environments must be >= 1, got {self.environments}")
        rng = np.random.default_rng(seed)
        _, inverse = structural_model(rng, self.width)
        columns = orthonormal(rng, self.width, self.width)
        # Spurious columns in general position; that of the trait, the first, as asked for.
        block = columns[:, 1 : self.rank + 1] @ well_conditioned_map(rng, self.rank, self.rank)
        columns[:, 1 : self.rank + 1] = block
        trait = columns[:, 0].copy()
        if not self.orthogonal:
            along = block @ rng.standard_normal(self.rank)
            along /= np.linalg.norm(along)
            columns[:, 0] = np.sqrt(2 / 3) * trait + np.sqrt(1 / 3) * along
        readout = columns @ np.linalg.inv(inverse)  # the H that makes A = H (I - B)^-1 these
        mixing = readout @ inverse
        amounts = self._amounts(rng)
        moves = self.drift * rng.permutation(np.linspace(-1, 1, self.environments))
        away = 0.5 * trait + np.sqrt(0.75) * columns[:, -1]
        common = mixing[:, 0] + np.outer(moves, away)
        label = np.zeros((self.environments, self.width))  # what the label does to the noises
        label[:, 0], label[:, 1 : self.rank + 1] = 1.0, amounts
        errors = rng.standard_normal(label.shape)
        errors *= self.noise / np.linalg.norm(errors, axis=1, keepdims=True)
        vectors = label @ mixing.T + common - mixing[:, 0] + errors
        return TraitVectors(vectors, self.noise, common, mixing[:, 1 : self.rank + 1], amounts)

    def _amounts(self, rng: np.random.Generator) -> np.ndarray:
        """(E, s): well spread, so that E - 1 differences have rank min(E - 1, s) with a gap."""
        varying = self.rank - self.constant
        size = max(self.environments, varying + 1)
        centred = np.eye(size) - 1 / size
        basis = np.linalg.svd(centred)[0][:, : size - 1] @ orthonormal(rng, size - 1, varying)
        spread = np.sqrt(size) * basis[: self.environments]
        offset = 0.0 if self.balanced else rng.choice([-1.0, 1.0], varying)
        constant = np.zeros(self.constant) if self.balanced else np.ones(self.constant)
        return np.hstack([spread + offset, np.tile(constant, (self.environments, 1))])

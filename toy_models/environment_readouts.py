r"""Several environments that see one vector, each through a Jacobian of low rank.

J_e = L_e R_e with orthonormal L_e (m, r) and R_e (r, d) orthogonal to the null directions that all
environments share. Generic R_e of r rows each have rank min(d - shared, E r) together, so that the
class has dimension max(shared, d - E r) after E environments (theory.md R3a).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toy_models.planted import complement, orthonormal, require


@dataclass(frozen=True, eq=False)
class SeenInEnvironments:
    """Environments, the vector planted in them, and the class that they leave of it.

    Parameters
    ----------
    jacobians
        (E, m, d).
    vector
        (d,) planted in all environments but the odd one.
    kernel
        (d, k) orthonormal basis of the common kernel, exact by construction.
    noise
        (E, m) added to the responses.
    odd, shift
        The environment that gets v + shift instead of v; None if there is none.
    """

    jacobians: np.ndarray
    vector: np.ndarray
    kernel: np.ndarray
    noise: np.ndarray
    shift: np.ndarray
    odd: int | None

    @property
    def width(self) -> int:
        """d."""
        return self.vector.size

    def responses(self, vector: np.ndarray | None = None) -> np.ndarray:
        """(E, m) responses to the planted vector, or to another one in its place."""
        vector = self.vector if vector is None else vector
        planted = np.tile(vector, (len(self.jacobians), 1))
        if self.odd is not None:
            planted[self.odd] += self.shift
        return np.einsum("emd,ed->em", self.jacobians, planted) + self.noise


@dataclass(frozen=True)
class EnvironmentReadouts:
    """E affine environments of rank r each, into which the same vector is added.

    Parameters
    ----------
    width, outputs, environments
        d, m and E.
    rank
        r of every environment, at most min(m, d - shared).
    shared
        Dimension of the null space that all environments have in common by construction.
    repeats
        How many of the environments, the last ones, see what the first one sees (other outputs of
        the same R).
    odd
        Number of an environment, from 0, with another vector; None for the same in all.
    noise
        Norm of the error of each environment's response.

    Examples
    --------
    >>> instance = EnvironmentReadouts(width=6, rank=2, environments=2).sample(0)
    >>> instance.kernel.shape, instance.responses().shape
    ((6, 2), (2, 5))
    """

    width: int = 12
    outputs: int = 5
    rank: int = 3
    environments: int = 4
    shared: int = 0
    repeats: int = 0
    odd: int | None = None
    noise: float = 0.0

    @property
    def lost(self) -> int:
        """Dimension of the class after all environments."""
        rows = self.rank * (self.environments - self.repeats)
        return max(self.shared, self.width - rows)

    def sample(self, seed: int) -> SeenInEnvironments:
        """Draw the environments and the planted vector."""
        seen = self.width - self.shared
        require(
            1 <= self.rank <= min(self.outputs, seen),
            f"rank must lie between 1 and min(outputs, width - shared), got {self.rank} for "
            f"{self.outputs} outputs and {seen} dimensions that are not shared",
        )
        require(
            0 <= self.repeats < self.environments,
            f"repeats must be fewer than environments, got {self.repeats} of {self.environments}",
        )
        require(
            self.odd is None or 0 <= self.odd < self.environments,
            f"odd must be None or below {self.environments}, got {self.odd}",
        )
        rng = np.random.default_rng(seed)
        basis = orthonormal(rng, self.width, self.width)
        first, null = basis[:, :seen], basis[:, seen:]
        distinct = self.environments - self.repeats
        reduced = rng.standard_normal((distinct, self.rank, seen)) / np.sqrt(seen)
        which = [*range(distinct), *[0] * self.repeats]
        jacobians = [
            orthonormal(rng, self.outputs, self.rank) @ reduced[e] @ first.T for e in which
        ]
        noise = rng.standard_normal((self.environments, self.outputs))
        noise *= self.noise / np.linalg.norm(noise, axis=1, keepdims=True)
        unseen = complement(reduced.reshape(-1, seen))
        return SeenInEnvironments(
            jacobians=np.array(jacobians),
            vector=rng.standard_normal(self.width),
            kernel=np.hstack([first @ unseen, null]),
            noise=noise,
            shift=rng.standard_normal(self.width),
            odd=self.odd,
        )

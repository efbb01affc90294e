r"""A bottleneck MLP: a narrow linear layer that every prompt shares is an exact null space.

* placed on the input: F = G o P with P (r, d) linear and G injective, so the class of v is exactly
  v + ker P, of dimension d - r, for every prompt and strength (theory.md N2, N3);
* placed after a non-linearity: F = G o P o phi. Each prompt alone sees r dimensions, but each sees
  others, and N prompts at A strengths leave max(0, d - N A r) for almost all weights (N3).
  Ill-conditioned draws are drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from toy_models.planted import (
    Planted,
    complement,
    orthonormal,
    require,
    stacked_jacobian,
    well_conditioned,
)


@dataclass(frozen=True, eq=False)
class _Head:
    """h -> V tanh(U P h + c)."""

    projection: np.ndarray  # P (r, d)
    expansion: np.ndarray  # U (hidden, r)
    readout: np.ndarray  # V (m, hidden)
    offset: np.ndarray  # c (hidden,)

    def __call__(self, state: torch.Tensor) -> torch.Tensor:
        inner = torch.from_numpy(self.expansion @ self.projection)
        return torch.from_numpy(self.readout) @ torch.tanh(
            inner @ state + torch.from_numpy(self.offset)
        )

    def jacobian(self, state: np.ndarray) -> np.ndarray:
        """V diag(1 - tanh^2) U P."""
        inner = self.expansion @ self.projection
        return (self.readout * (1 - np.tanh(inner @ state + self.offset) ** 2)) @ inner


@dataclass(frozen=True, eq=False)
class _AfterNonlinearity:
    """h -> head(tanh(C h))."""

    head: _Head
    mixing: np.ndarray  # C (d, d)

    def __call__(self, state: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(torch.from_numpy(self.mixing) @ state))

    def jacobian(self, state: np.ndarray) -> np.ndarray:
        features = np.tanh(self.mixing @ state)
        return self.head.jacobian(features) @ self._feature_jacobian(features)

    def seen_rows(self, state: np.ndarray) -> np.ndarray:
        """(r, d) P diag(1 - tanh^2) C: what passes the bottleneck at this state."""
        return self.head.projection @ self._feature_jacobian(np.tanh(self.mixing @ state))

    def _feature_jacobian(self, features: np.ndarray) -> np.ndarray:
        return (1 - features**2)[:, None] * self.mixing


@dataclass(frozen=True)
class BottleneckMLP:
    """F(h) = V tanh(U P phi(h) + c), with phi the identity or h -> tanh(C h).

    U (hidden, r) and V (m, hidden) have orthonormal columns times a scale, so that G is injective;
    C (d, d) is orthogonal.

    Parameters
    ----------
    width, bottleneck, hidden, outputs
        d >= r and r <= hidden <= m.
    prompts
        N states.
    placement
        ``"input"`` or ``"after_nonlinearity"``.

    Examples
    --------
    >>> instance = BottleneckMLP(width=6, bottleneck=2, prompts=3).sample(0)
    >>> instance.kernel.shape, instance.reach
    ((6, 4), 'global')
    """

    width: int = 12
    bottleneck: int = 3
    hidden: int = 16
    outputs: int = 20
    prompts: int = 1
    placement: Literal["input", "after_nonlinearity"] = "input"

    def sample(self, seed: int) -> Planted:
        """Draw the network, the states and the planted vector."""
        require(
            1 <= self.bottleneck <= min(self.width, self.hidden) and self.hidden <= self.outputs,
            f"need 1 <= bottleneck <= width and bottleneck <= hidden <= outputs, got bottleneck "
            f"{self.bottleneck}, width {self.width}, hidden {self.hidden}, outputs {self.outputs}",
        )
        return well_conditioned(self._draw, np.random.default_rng(seed))

    def _draw(self, rng: np.random.Generator) -> Planted:
        basis = orthonormal(rng, self.width, self.width)
        projection = basis[:, : self.bottleneck].T
        expansion = orthonormal(rng, self.hidden, self.bottleneck)
        readout = 2 * orthonormal(rng, self.outputs, self.hidden)
        offset = 0.5 * rng.standard_normal(self.hidden)
        head = _Head(projection, expansion, readout, offset)
        states = rng.standard_normal((self.prompts, self.width))
        vector = rng.standard_normal(self.width)
        strengths = np.ones(1)
        if self.placement == "input":
            network, kernel = head, basis[:, self.bottleneck :]
        else:
            network = _AfterNonlinearity(head, orthonormal(rng, self.width, self.width))
            seen = (network.seen_rows,) * self.prompts
            kernel = complement(stacked_jacobian(seen, states, strengths, vector))
        return Planted(
            continuations=(network,) * self.prompts,
            jacobians=(network.jacobian,) * self.prompts,
            states=states,
            strengths=strengths,
            vector=vector,
            kernel=kernel,
            reach="global" if self.placement == "input" else "local",
        )

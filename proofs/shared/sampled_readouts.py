"""Readouts of N prompts around their steered states, and what is seen of them: laws, divergences.

delta is a displacement from h_x + alpha v, the same for all prompts. Outputs are cubic polynomials
in delta, so that their derivatives at delta = 0 are known exactly. They are read as logits, of
which one token is drawn for each prompt, or as a continuous output with Gaussian noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np

import identifiability
from proofs.shared.categorical import divergence, pulled_back_metric, softmax

UNIT = 8  # Jacobians are integers over this: exact in float64, and logits of the order of 1


@dataclass(frozen=True, eq=False)
class Readout:
    """F(delta) = b + A delta + Q[delta, delta]/2 + (C delta)^3/6 + k |delta_1|^{3/2}."""

    constant: np.ndarray  # b (m,)
    jacobian: np.ndarray  # A (m, d)
    curvature: np.ndarray  # Q (m, d, d)
    cubic: np.ndarray  # C (m, d), cubed entry by entry
    kink: np.ndarray  # k (m,), zero where the readout is smooth

    def __call__(self, delta: Any) -> Any:
        """(m,) for a (d,) torch tensor, or a real or complex array."""
        parts = (self.constant, self.jacobian, self.curvature, self.cubic, self.kink)
        if not isinstance(delta, np.ndarray):
            import torch

            parts = tuple(torch.from_numpy(part) for part in parts)
        constant, jacobian, curvature, cubic, kink = parts
        # Matrices times vectors only: torch's forward mode is slow at batched products.
        bent = (curvature.reshape(-1, len(delta)) @ delta).reshape(jacobian.shape) @ delta
        smooth = constant + jacobian @ delta + bent / 2 + (cubic @ delta) ** 3 / 6
        return smooth + kink * abs(delta[0]) ** 1.5


def independent(probabilities: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """(m^N,) law of one draw for each prompt, drawn independently."""
    return reduce(np.multiply.outer, probabilities).ravel()


@dataclass(frozen=True, eq=False)
class SampledReadouts:
    """N readouts around one steered state each.

    Parameters
    ----------
    readouts
        One for each prompt.
    strength
        alpha: a change of v by u displaces every state by alpha u.
    joint
        (probabilities (N, m), delta) -> law (m^N,) of the N tokens together.
    noise
        delta -> (m, m) covariance of the outputs when they are read as continuous; None: that of
        the outputs over prompts at delta = 0.
    epsilon, radius
        Tolerance in nats, and the norm of the displacements it is for.
    """

    readouts: tuple[Readout, ...]
    strength: float = 1.0
    joint: Callable[[np.ndarray, np.ndarray], np.ndarray] = independent
    noise: Callable[[np.ndarray], np.ndarray] | None = None
    epsilon: float = 0.01
    radius: float = 1.0

    @property
    def width(self) -> int:
        return self.readouts[0].jacobian.shape[1]

    @property
    def prompts(self) -> int:
        return len(self.readouts)

    @property
    def origin(self) -> np.ndarray:
        return np.zeros(self.width)

    @cached_property
    def jacobians(self) -> np.ndarray:
        """(N, m, d) at delta = 0."""
        return np.array([readout.jacobian for readout in self.readouts])

    @property
    def log_odds_jacobian(self) -> np.ndarray:
        """(N (m - 1), d) of the logits against the last one, times ``UNIT``: integers."""
        odds = UNIT * (self.jacobians[:, :-1] - self.jacobians[:, -1:])
        return odds.reshape(-1, self.width).astype(int)

    @cached_property
    def metric(self) -> np.ndarray:
        """(d, d) mean over prompts of the Fisher metric of logits; the code under test."""
        return self._mean_metric(None)

    @cached_property
    def gaussian_metric(self) -> np.ndarray:
        """(d, d) the same for a continuous output."""
        return self._mean_metric(np.linalg.inv(self.covariance(self.origin)))

    def _mean_metric(self, precision: np.ndarray | None) -> np.ndarray:
        import torch

        origin = torch.from_numpy(self.origin)
        jacobians = [identifiability.JacobianOperator(r, origin) for r in self.readouts]
        metrics = [identifiability.FisherOperator(j, precision=precision) for j in jacobians]
        matrix = identifiability.average(metrics) @ np.eye(self.width)
        return (matrix + matrix.T) / 2

    @property
    def dense_metric(self) -> np.ndarray:
        """(d, d) the mean Fisher metric of logits from its formula, without the code under test."""
        p = self.probabilities(self.origin)
        return np.mean([pulled_back_metric(*x) for x in zip(self.jacobians, p, strict=True)], 0)

    @cached_property
    def spectrum(self) -> identifiability.Spectrum:
        """Of the mean metric for logits."""
        # What all logits share cancels in G and leaves its rounding: m products of entries of J.
        squares = float(np.sum(self.jacobians**2)) / self.prompts
        error = 10 * self.jacobians.shape[1] * np.finfo(float).eps * squares
        return identifiability.Spectrum.of(self.metric, error=error)

    def with_epsilon_at(self, index: int, factor: float) -> SampledReadouts:
        """epsilon = factor * lambda_i R^2/2, so that the i-th direction is near the tolerance."""
        eigenvalue = float(np.linalg.eigvalsh(self.dense_metric)[::-1][index])
        return replace(self, epsilon=factor * eigenvalue * self.radius**2 / 2)

    def outputs(self, delta: np.ndarray) -> np.ndarray:
        """(N, m)."""
        return np.array([readout(delta) for readout in self.readouts])

    def probabilities(self, delta: np.ndarray) -> np.ndarray:
        """(N, m) softmax of the outputs."""
        return softmax(self.outputs(delta))

    def law(self, delta: np.ndarray) -> np.ndarray:
        """(m^N,) of the N tokens together."""
        return self.joint(self.probabilities(delta), delta)

    def law_gradient(self) -> np.ndarray:
        """(d, m^N) derivative of the law with respect to v, by complex steps: no cancellation."""
        step = 1e-30
        turned = [np.imag(self.law(1j * step * axis)) / step for axis in np.eye(self.width)]
        return self.strength * np.array(turned)

    def divergence(self, delta: np.ndarray, reverse: bool = False) -> float:
        """Mean over prompts of KL(p_0 || p_delta), or of KL(p_delta || p_0), in nats."""
        p, q = self.probabilities(self.origin), self.probabilities(delta)
        return float(np.mean(divergence(q, p) if reverse else divergence(p, q)))

    def covariance(self, delta: np.ndarray) -> np.ndarray:
        """(m, m) of the noise on a continuous output."""
        return np.cov(self.outputs(self.origin).T) if self.noise is None else self.noise(delta)

    def gaussian_divergence(self, delta: np.ndarray) -> float:
        """Mean over prompts of KL between the Gaussian outputs, in nats, by cubature.

        The log density ratio is quadratic in y, so its mean over the 2m points mean +- sqrt(m) L_i
        (L L^T the covariance) is exact.
        """
        before, after = self.covariance(self.origin), self.covariance(delta)
        spread = np.sqrt(len(before)) * np.linalg.cholesky(before).T
        total = 0.0
        for mean, moved in zip(self.outputs(self.origin), self.outputs(delta), strict=True):
            points = np.vstack([mean + spread, mean - spread])
            ratios = _log_density(points, mean, before) - _log_density(points, moved, after)
            total += float(ratios.mean())
        return total / self.prompts


def _log_density(points: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Gaussian, at each row, up to a constant that depends on m only."""
    residual = points - mean
    squares = (residual * np.linalg.solve(covariance, residual.T).T).sum(axis=1)
    return -(squares + np.linalg.slogdet(covariance).logabsdet) / 2


def random_readouts(rng: np.random.Generator) -> SampledReadouts:
    """J_x = K_x P + 1 c_x^T over ``UNIT``: what P kills only shifts the logits of a prompt."""
    outputs = int(rng.integers(3, 5))
    # One prompt more than outputs: the covariance over prompts is then invertible.
    prompts, width = outputs + 1, int(rng.integers(3, 6))
    seen = int(rng.integers(1, width + 1))
    shared = rng.integers(-2, 3, (seen, width))
    shared[0, 0] = shared[0, 0] or 1  # not all zero

    def readout() -> Readout:
        shift = rng.integers(-4, 5, width)
        return Readout(
            constant=rng.standard_normal(outputs),
            jacobian=(rng.integers(-4, 5, (outputs, seen)) @ shared + shift) / UNIT,
            curvature=rng.standard_normal((outputs, width, width)),
            cubic=rng.standard_normal((outputs, width)),
            kink=np.zeros(outputs),
        )

    readouts = tuple(readout() for _ in range(prompts))
    strength, radius = float(rng.choice([-1.5, 0.5, 2.0])), float(rng.uniform(0.5, 2))
    instance = SampledReadouts(readouts, strength=strength, radius=radius)
    rank = int(identifiability.exact_rank(instance.log_odds_jacobian))
    return instance.with_epsilon_at(int(rng.integers(rank)), float(4 ** rng.uniform(-0.5, 1)))

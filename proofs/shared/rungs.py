"""A model of two tokens with affine logits, and what each rung of the observation ladder reports.

The slopes of the rungs are exact (fractions): weights, and so probabilities at v, are rational.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from proofs.shared.categorical import pulled_back_metric, softmax

Report = Callable[[int, np.ndarray], np.ndarray]  # prompt, delta -> probabilities


@dataclass(frozen=True)
class Observed:
    """A two-token model with affine logits, and how its tokens are reported.

    Prompt 0 gives the first token; prompt 1 + y the second, after a first token y. A change delta
    of v moves the logits of prompt x, log(weights[x]) at v, by alpha J_x delta.
    """

    jacobians: np.ndarray  # J (N, m, d), N = m + 1, integers
    weights: np.ndarray  # (N, m) positive integers
    strength: int  # alpha
    channel: Callable[[np.ndarray], np.ndarray]  # delta -> P(report | token), (reports, m)
    lipschitz: float  # L, for every prompt
    decode: Callable[[np.ndarray], np.ndarray]  # probabilities -> those tokens are drawn from
    temperature: float  # tau

    def logits(self, prompt: int, delta: np.ndarray) -> np.ndarray:
        slope = self.strength * self.jacobians[prompt]
        return np.log(self.weights[prompt]) + slope @ delta

    def probabilities(self, prompt: int, delta: np.ndarray) -> np.ndarray:
        return softmax(self.logits(prompt, delta))

    def report(self, prompt: int, delta: np.ndarray) -> np.ndarray:
        """Probabilities of what is reported of a prompt's token."""
        return self.channel(delta) @ self.probabilities(prompt, delta)

    def completions(self, delta: np.ndarray) -> np.ndarray:
        """(m * m,) probabilities of completions of two tokens."""
        first, *second = (
            self.decode(self.probabilities(x, delta)) for x in range(len(self.jacobians))
        )
        return np.concatenate([p * following for p, following in zip(first, second, strict=True)])

    def metric(self, prompt: int, temperature: float = 1.0) -> np.ndarray:
        """G_x = J^T (diag p - p p^T) J in closed form, for v and at a temperature."""
        p = softmax(np.log(self.weights[prompt]) / temperature)
        return pulled_back_metric(self.strength * self.jacobians[prompt] / temperature, p)

    @property
    def width(self) -> int:
        return self.jacobians.shape[2]


def log_probability_rows(instance: Observed, prompt: int, among: int, count: int) -> np.ndarray:
    """(count, d) exact slopes of the largest log-probabilities, renormalised over ``among``."""
    J, w = instance.jacobians[prompt], instance.weights[prompt]
    top = np.argsort(-w)[:among]
    mean = sum(int(w[i]) * J[i] for i in top) * Fraction(1, int(w[top].sum()))
    return instance.strength * (J[top[:count]] - mean)


def rungs(instance: Observed) -> dict[str, np.ndarray]:
    """Exact Jacobian (rows, d), over all prompts, of what each rung reports."""
    prompts, tokens, _ = instance.jacobians.shape

    def stacked(among: int, count: int) -> np.ndarray:
        rows = [log_probability_rows(instance, x, among, count) for x in range(prompts)]
        return np.concatenate(rows)

    odds = instance.strength * (instance.jacobians[:, 0] - instance.jacobians[:, 1])
    return {
        "logits": instance.strength * np.concatenate(list(instance.jacobians)),
        "probabilities": stacked(tokens, tokens),
        "2 log-probabilities": stacked(tokens, 2),
        "top-2 sampling": stacked(2, 2),
        "log-odds": odds,
        "mean log-odds": odds.sum(axis=0, keepdims=True) * Fraction(1, prompts),
    }


def rung_ranks(prompts: int, tokens: int) -> dict[str, int]:
    """What the theorem says of their ranks, prompts being linearly independent."""
    return {
        "logits": prompts * tokens,
        "probabilities": prompts * (tokens - 1),
        "2 log-probabilities": prompts * 2,
        "top-2 sampling": prompts * 1,
        "log-odds": prompts,
        "mean log-odds": 1,
    }

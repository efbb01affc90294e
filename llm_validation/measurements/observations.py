r"""The rungs of the observation ladder on one prompt, as likelihoods of the planted vector (N10).

White box: the continuation F and the state h are known; what is observed of F(h + v) differs from
rung to rung. Every rung has the noise that comes with it and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from llm_validation.completion_likelihood import OppositeCompletions
from llm_validation.continuation import Continuation
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.measurements.logit_coordinates import logit_coordinates
from llm_validation.measurements.posterior import Observation
from llm_validation.models import LanguageModel
from llm_validation.observables import log_probabilities

API_STEP = 1e-4
"""Nats: to how much interfaces round the log-probabilities that they return."""

FLOAT32, BFLOAT16, SAMPLES, TOP, SCORE, GREEDY = (
    "all logits, float32",
    "all logits, bfloat16",
    "samples",
    "top",
    "score",
    "greedy token",
)


def observe(
    model: LanguageModel,
    rung: str,
    ids: list[int],
    layer: int,
    vector: np.ndarray,
    *,
    noise: float,
    completions: Sequence[list[int]],
    rng: np.random.Generator,
) -> Observation:
    """What the rung shows of one prompt steered by the vector.

    ``rung`` is "all logits, float32", "all logits, bfloat16", "top:K", "samples:n" or "score";
    ``noise``, of a coordinate of float32 logits, ``completions`` (positive, negative) of "score".
    """
    kind, _, number = rung.partition(":")
    if kind == SCORE:
        return Score(model, ids, completions, layer, vector)
    there = kept_continuation(model, ids, layer)
    if kind == TOP:
        return TopLogProbabilities(there, vector, int(number))
    if kind == SAMPLES:
        return SampledTokens(there, vector, int(number), rng)
    return AllLogits(model, ids, there, vector, None if kind == BFLOAT16 else noise, rng)


def bfloat16_noise(logits: torch.Tensor) -> float:
    """Root mean square of the rounding of logits (V,) to bfloat16, which has 8 binary digits."""
    _, exponent = torch.frexp(logits.double())
    return float(torch.sqrt(torch.mean(torch.exp2(2.0 * (exponent - 8))) / 12))


class AllLogits:
    """All logits, with an error of known size on each coordinate; rounded to bfloat16 if None.

    The error of float32 is drawn: the fit computes what it compares with in the same arithmetic,
    which would round alike and leave none.
    """

    few = False

    def __init__(
        self,
        model: LanguageModel,
        ids: list[int],
        there: Continuation,
        vector: np.ndarray,
        noise: float | None,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._ids, self._there = model, tuple(ids), there
        self._coordinates = logit_coordinates(model)
        self._coordinates.require_linear(there)
        with torch.no_grad():
            seen = there(_at(there, vector))
        self._seen = (seen.bfloat16() if noise is None else seen).double()
        self._noise = bfloat16_noise(seen) if noise is None else noise
        self.values = len(self._coordinates.root)
        drawn = rng.standard_normal(self.values)
        self._error = np.zeros(self.values) if noise is None else drawn  # (r,) in units of noise

    def _residual(self, vector: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = self._there(_at(self._there, vector)).double()
        return self._coordinates.of_logits(self._seen - logits) / self._noise + self._error

    def misfit(self, vector: np.ndarray) -> float:
        return 0.5 * float(np.sum(self._residual(vector) ** 2))

    def gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        residual = self._residual(vector)
        cotangent = self._coordinates.root.T @ residual / self._noise
        at = _at(self._there, vector).requires_grad_()
        with torch.enable_grad():
            final = self._there.final_state(at)
            (pulled,) = torch.autograd.grad(final, at, final.new_tensor(cotangent))
        return 0.5 * float(residual @ residual), pulled.double().cpu().numpy()

    def information(self, vector: np.ndarray) -> np.ndarray:
        if vector.any():
            jacobian = self._coordinates.jacobian(self._there, _at(self._there, vector))
        else:
            jacobian = jacobian_unsteered(self._model, self._ids, self._there.layer)
        return jacobian.T @ jacobian / self._noise**2


class TopLogProbabilities:
    """The K likeliest tokens of the steered model with their log-probabilities, rounded.

    That all other tokens are less likely is not used.
    """

    few = True

    def __init__(self, there: Continuation, vector: np.ndarray, k: int) -> None:
        self._there, self.values = there, k
        self._linear = _kept_where_last_asked(self._rows)
        with torch.no_grad():
            log_p = torch.log_softmax(there(_at(there, vector)).double(), -1)
        top = log_p.topk(k)
        self._tokens = top.indices
        self._seen = np.round(top.values.cpu().numpy() / API_STEP) * API_STEP
        self._noise = API_STEP / np.sqrt(12)

    def misfit(self, vector: np.ndarray) -> float:
        with torch.no_grad():
            log_p = torch.log_softmax(self._there(_at(self._there, vector)).double(), -1)
        residual = (self._seen - log_p[self._tokens].cpu().numpy()) / self._noise
        return 0.5 * float(residual @ residual)

    def gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        log_p, rows = self._linear(vector)
        residual = (self._seen - log_p) / self._noise
        return 0.5 * float(residual @ residual), rows.T @ residual

    def information(self, vector: np.ndarray) -> np.ndarray:
        _, rows = self._linear(vector)
        return rows.T @ rows

    def _rows(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(k,) log-probabilities and their gradients (k, d) in units of the noise."""
        at = _at(self._there, vector)
        log_p, gradients = log_probabilities(self._there, self._tokens, at)
        return log_p[:-1], gradients[:-1] / self._noise


class SampledTokens:
    """How often each token came in n independent draws of the next token."""

    few, values = False, None

    def __init__(
        self, there: Continuation, vector: np.ndarray, n: int, rng: np.random.Generator
    ) -> None:
        self._there, self._n = there, n
        with torch.no_grad():
            p = torch.softmax(there(_at(there, vector)).double(), -1).cpu().numpy()
        self._counts = rng.multinomial(n, p / p.sum())

    def misfit(self, vector: np.ndarray) -> float:
        return -float(self._counts @ self._log_p(vector))

    def gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        log_p = self._log_p(vector)
        excess = self._counts - self._n * np.exp(log_p)
        pulled = self._there.jacobian_operator(_at(self._there, vector)).rmatvec(excess)
        return -float(self._counts @ log_p), np.asarray(pulled)

    def information(self, vector: np.ndarray) -> np.ndarray:
        return self._n * self._there.fisher(_at(self._there, vector))

    def _log_p(self, vector: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = self._there(_at(self._there, vector))
        return torch.log_softmax(logits.double(), -1).cpu().numpy()


class Score:
    """Log-odds per token of two completions, rounded; steered from the last prompt token on."""

    few, values = True, 1

    def __init__(
        self,
        model: LanguageModel,
        ids: list[int],
        completions: Sequence[list[int]],
        layer: int,
        vector: np.ndarray,
    ) -> None:
        self._score = OppositeCompletions(model, ids, completions, layer)
        self._linear = _kept_where_last_asked(self._score.with_gradient)
        self._seen = round(self.value(vector) / API_STEP) * API_STEP
        self._noise = API_STEP / np.sqrt(12)

    def value(self, vector: np.ndarray) -> float:
        """Nats per token."""
        return float(self._score(vector[None])[0])

    def misfit(self, vector: np.ndarray) -> float:
        return 0.5 * ((self._seen - self.value(vector)) / self._noise) ** 2

    def gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self._linear(vector)
        residual = (self._seen - value) / self._noise
        return 0.5 * residual**2, gradient * residual / self._noise

    def information(self, vector: np.ndarray) -> np.ndarray:
        _, gradient = self._linear(vector)
        return np.outer(gradient, gradient) / self._noise**2


@lru_cache(maxsize=64)
def jacobian_unsteered(model: LanguageModel, ids: tuple[int, ...], layer: int) -> np.ndarray:
    """(r, d) of all logits at the model's own state: the first step of every vector and rung."""
    return logit_coordinates(model).jacobian(kept_continuation(model, ids, layer))


def _kept_where_last_asked(function: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
    """The function, computed once where it is asked twice in a row at the same vector."""
    where: np.ndarray | None = None
    value: Any = None

    def kept(vector: np.ndarray) -> Any:
        nonlocal where, value
        if where is None or not np.array_equal(where, vector):
            where, value = vector.copy(), function(vector)
        return value

    return kept


def _at(there: Continuation, vector: Any) -> torch.Tensor:
    return there.state + there.state.new_tensor(vector)

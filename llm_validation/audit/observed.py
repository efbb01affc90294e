r"""One prompt's output under one observable: divergence, metric and its half form at a state.

Divergences are from the model steered by ``base`` to the model steered otherwise, in nats. Every
metric G is that of its divergence: KL(base, base + delta) = 1/2 delta^T G delta + O(|delta|^3).

* ``next-token``: the metric of ``Continuation``;
* ``topk``: the K likeliest words of the unsteered model and the rest as one outcome
  (``observables``);
* ``completion``: the metric of ``Completion``, a sum over the tokens of one completion that was
  sampled from the unsteered model; steered from the last prompt token on;
* ``score``: s is the difference of mean log-probabilities per token of two completions, read as a
  normal variable of variance sigma² (that of the unsteered score over prompts, N7): the divergence
  is (delta s)²/(2 sigma²), the metric w w^T/sigma² with w the gradient of s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch

from llm_validation.audit.float64_copy import float64_copy
from llm_validation.completion_likelihood import OppositeCompletions, from_last_prompt_token
from llm_validation.continuation import Continuation
from llm_validation.divergence import kl_of
from llm_validation.memory import in_float64
from llm_validation.models import LanguageModel
from llm_validation.observables import fisher_of_channel
from llm_validation.suffix_function import SuffixFunction


class Observed(Protocol):
    """A prompt seen through an observable; displacements are from the unsteered model."""

    def metric(self, base: np.ndarray) -> np.ndarray:
        """(d, d) float64, nats per squared unit of the state."""
        ...

    def half_forms(self, base: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """(k,) half of s^T G s for steps (k, d), without G where that is cheaper."""
        ...

    def divergences(self, base: np.ndarray, displacements: np.ndarray) -> np.ndarray:
        """(k,) nats, from the model steered by ``base`` to each of (k, d)."""
        ...


def observed(
    model: LanguageModel, observe: Mapping[str, Any], ids: list[int], layer: int
) -> Observed:
    """A prompt's token ids under the observable described.

    ``observe`` holds ``kind`` and, by kind, ``k``, ``completion`` (token ids) or ``completions``
    (positive and negative) and ``variance``.
    """
    kind = observe["kind"]
    if kind == "next-token":
        there = Continuation(model, ids, layer)
        return _Distribution(there, there.state)
    if kind == "topk":
        return _TopK(Continuation(model, ids, layer), observe["k"])
    if kind == "completion":
        completion = from_last_prompt_token(model, ids, observe["completion"], layer)
        return _Distribution(completion, None)
    score = OppositeCompletions(model, ids, observe["completions"], layer)
    return _Score(score, observe["variance"])


# An audit measures along several sets of steps on the same few prompts, and building is half of it.
@lru_cache(maxsize=16)
def _kept(model: LanguageModel, observe: str, ids: tuple[int, ...], layer: int) -> Observed:
    return observed(model, json.loads(observe), list(ids), layer)


class _Distribution:
    """All outputs of a function whose argument is ``origin`` plus the displacement."""

    def __init__(self, function: SuffixFunction, origin: torch.Tensor | None) -> None:
        self._function = function
        self._origin = torch.zeros(function.width) if origin is None else origin

    def metric(self, base: np.ndarray) -> np.ndarray:
        return self._function.fisher(self._at(base))

    def half_forms(self, base: np.ndarray, steps: np.ndarray) -> np.ndarray:
        products = self._function.fisher_operator(self._at(base)) @ steps.T  # (d, k)
        return 0.5 * np.einsum("ki,ik->k", steps, products)

    def divergences(self, base: np.ndarray, displacements: np.ndarray) -> np.ndarray:
        return self._function.kl(np.asarray(displacements) - base, self._at(base))

    def _at(self, base: np.ndarray) -> torch.Tensor:
        return self._origin + self._origin.new_tensor(base)


class _TopK:
    """The likeliest words of the unsteered model, and the rest as one outcome."""

    def __init__(self, there: Continuation, k: int) -> None:
        self._there, self._words = there, there.logits.topk(k).indices

    def metric(self, base: np.ndarray) -> np.ndarray:
        return fisher_of_channel(self._there, f"topk:{len(self._words)}", self._at(base))

    def half_forms(self, base: np.ndarray, steps: np.ndarray) -> np.ndarray:
        # Of rank K: formed as fast as it is applied.
        return 0.5 * np.einsum("ki,ki->k", steps @ self.metric(base), steps)

    def divergences(self, base: np.ndarray, displacements: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            own = self._log_q(self._there(self._at(base)))
            others = in_float64(self._log_q, self._there(self._at(np.asarray(displacements))))
            return kl_of(own, others).cpu().numpy()

    def _at(self, displacement: np.ndarray) -> torch.Tensor:
        state = self._there.state
        return state + state.new_tensor(displacement)

    def _log_q(self, logits: torch.Tensor) -> torch.Tensor:
        """(..., k + 1) log-probabilities of the words and of the rest."""
        log_p = torch.log_softmax(logits.double(), -1)
        rest = log_p.index_fill(-1, self._words, -torch.inf).logsumexp(-1, keepdim=True)
        return torch.cat([log_p[..., self._words], rest], dim=-1)


class _Score:
    """Log-odds per token of two completions, positive first, of this variance over prompts."""

    def __init__(self, score: OppositeCompletions, variance: float) -> None:
        self._score, self._variance = score, variance

    def metric(self, base: np.ndarray) -> np.ndarray:
        _, gradient = self._score.with_gradient(base)
        return np.outer(gradient, gradient) / self._variance

    def half_forms(self, base: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return 0.5 * (steps @ self._score.with_gradient(base)[1]) ** 2 / self._variance

    def divergences(self, base: np.ndarray, displacements: np.ndarray) -> np.ndarray:
        scores = self._score(np.concatenate([base[None], displacements]))
        return (scores[1:] - scores[0]) ** 2 / (2 * self._variance)


def metric(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    observe: dict[str, Any],
    base: np.ndarray,
) -> dict[str, Any]:
    """Cell: ``metric`` (d, d) of one prompt at the model steered by ``base``."""
    return {"metric": _kept(model, json.dumps(observe), tuple(ids), layer).metric(base)}


def wide_metrics(
    model: LanguageModel,
    *,
    prompts: list[list[int]],
    layer: int,
    observes: list[dict[str, Any]],
    base: np.ndarray,
) -> dict[str, Any]:
    """Cell: ``metrics`` (n, d, d) of the prompts, computed in float64.

    All in one cell, so that there is one copy of the model in float64 at a time; nothing keeps it.
    """
    wide = float64_copy(model, layer)
    asked = zip(prompts, observes, strict=True)
    return {"metrics": np.array([observed(wide, o, ids, layer).metric(base) for ids, o in asked])}


def steps_apart(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    observe: dict[str, Any],
    base: np.ndarray,
    steps: np.ndarray,
) -> dict[str, Any]:
    """Cell: how far apart the models steered by ``base`` and by ``base + step`` are.

    Returns
    -------
    dict
        ``divergence`` (k,) measured and ``second_order`` (k,) half of s^T G s for the (k, d)
        steps, in nats; ``floor``, what rounding alone shows between ``base`` and itself, one row
        among others.
    """
    there = _kept(model, json.dumps(observe), tuple(ids), layer)
    rows = np.concatenate([base + steps, base[None]])
    measured = there.divergences(base, rows)
    return {
        "divergence": measured[:-1],
        "second_order": there.half_forms(base, steps),
        "floor": float(abs(measured[-1])),
    }

"""What each rung of the ladder sees of one prompt to first order, at the model's own state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.completion_likelihood import OppositeCompletions
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.measurements.logit_coordinates import logit_coordinates, rounding_noise
from llm_validation.measurements.observations import bfloat16_noise
from llm_validation.models import LanguageModel
from llm_validation.observables import log_probabilities


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    likeliest: int,
    completions: list[list[list[int]]],
    seed: int,
) -> dict[str, Any]:
    """Gradients of every observable and the noise of those that have one of their own.

    Parameters
    ----------
    model
        From ``load_model``, with logits linear in its final state.
    ids
        Token ids of the prompt.
    layer
        "After block i", counted from 0.
    likeliest
        K, the most log-probabilities that a rung shows.
    completions
        A positive and a negative one for each score.
    seed
        Of the steps that measure rounding.

    Returns
    -------
    dict
        ``logits`` (d, d): JᵀJ of all logits less their mean. ``log_probabilities`` (K, d):
        gradients of those of the likeliest tokens, likeliest first. ``scores`` (s, d): gradients of
        the log-odds per token. ``float32`` and ``bfloat16``: root mean square of what rounding adds
        to a coordinate of the logits in the model's own arithmetic and in bfloat16. All float64.
    """
    coordinates = logit_coordinates(model)
    there = kept_continuation(model, ids, layer)
    coordinates.require_linear(there)
    jacobian = coordinates.jacobian(there)
    tokens = there.logits.topk(likeliest).indices
    zero = np.zeros(there.width)
    scores = [
        OppositeCompletions(model, ids, pair, layer).with_gradient(zero)[1] for pair in completions
    ]
    with torch.no_grad():
        own = there(there.state)
    return {
        "logits": jacobian.T @ jacobian,
        "log_probabilities": log_probabilities(there, tokens)[1][:-1],
        "scores": np.reshape(scores, (len(completions), there.width)),
        "float32": float(np.sqrt(np.mean(rounding_noise(there, coordinates, seed) ** 2))),
        "bfloat16": bfloat16_noise(own),
    }

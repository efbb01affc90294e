r"""How far a steering vector may be changed without changing the greedy token (N10).

With gap γ_a between the likeliest token and a rival a, and g_a the gradient of γ_a, the token stays
to first order while ‖w‖ < min_a γ_a/‖g_a‖: a ball of full dimension is one class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel
from llm_validation.observables import log_probabilities


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    vector: np.ndarray,
    rivals: int,
    share: float,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Change the vector by ``share`` of the first-order radius and look at the token again.

    Parameters
    ----------
    model, ids, layer
        As for ``Continuation``.
    vector
        (d,) the planted one.
    rivals
        How many of the next likeliest tokens the radius is computed from.
    share
        Of the radius, length of the changes.
    draws
        Random directions of change; that towards the nearest rival is added to them.
    seed
        Of the directions.

    Returns
    -------
    dict
        ``radius``, in units of the state; ``unchanged``, the share of changes that leave the token
        as it is.
    """
    there = kept_continuation(model, ids, layer)
    at = there.state + there.state.new_tensor(vector)
    with torch.no_grad():
        tokens = there(at).topk(rivals + 1).indices
    log_p, gradients = log_probabilities(there, tokens, at)
    gaps, slopes = log_p[0] - log_p[1:-1], gradients[0] - gradients[1:-1]
    distances = gaps / np.linalg.norm(slopes, axis=1)
    nearest = int(np.argmin(distances))
    changes = np.random.default_rng(seed).standard_normal((draws + 1, there.width))
    changes[-1] = -slopes[nearest]
    changes *= share * distances[nearest] / np.linalg.norm(changes, axis=1, keepdims=True)
    with torch.no_grad():
        greedy = there(at + at.new_tensor(changes)).argmax(-1)
    return {
        "radius": float(distances[nearest]),
        "unchanged": float((greedy == tokens[0]).double().mean()),
    }

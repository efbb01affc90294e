"""Scores under v and -v at several strengths, v itself being extracted here.

Strength and layer are chosen from these before anything is predicted. Other cells that displace a
state are given the displacement; this one is needed before vectors have been read from their cells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from llm_validation.contrast import vector_of
from llm_validation.measurements import completion_log_likelihoods, last_states
from llm_validation.models import LanguageModel


def measure(
    model: LanguageModel,
    *,
    contrast: list[list[list[int]]],
    questions: list[dict[str, Any]],
    layer: int,
    strengths: list[float],
) -> dict[str, Any]:
    """Log-likelihoods of pairs of completions, unsteered, under each alpha v, and each -alpha v.

    Parameters
    ----------
    model
        From ``load_model``.
    contrast
        Batches of prompts that v is the mean difference of: positive, negative, positive, ...
    questions
        ``prompt_ids`` and ``completions`` (positive, negative) of each pair that is scored.
    layer
        "After block i", counted from 0.
    strengths
        alpha, S of them.

    Returns
    -------
    dict
        ``log_likelihood`` (n, 1 + 2 S, 2) in nats: the unsteered model, the strengths of v, those
        of -v. ``tokens`` (n, 2). ``vector`` (d,).
    """
    batches = tuple(tuple(map(tuple, batch)) for batch in contrast)
    vector = _vector(model, batches, layer)
    steps = np.array([0.0, *strengths, *(-strength for strength in strengths)])
    found = [
        completion_log_likelihoods.measure(
            model, **question, layer=layer, displacements=np.outer(steps, vector)
        )
        for question in questions
    ]
    return {
        "log_likelihood": np.array([one["log_likelihood"] for one in found]),
        "tokens": np.array([one["tokens"] for one in found]),
        "vector": vector,
    }


# Several cells of one trait follow each other in a process.
@lru_cache(maxsize=4)
def _vector(
    model: LanguageModel, batches: tuple[tuple[tuple[int, ...], ...], ...], layer: int
) -> np.ndarray:
    """(d,) as the setting extracts it, batch for batch."""
    states = np.concatenate(
        [
            last_states.measure(model, prompts=[list(ids) for ids in batch], layers=[layer])[
                "states"
            ]
            for batch in batches
        ]
    ).reshape(-1, 2, model.width)
    return vector_of(states[:, 0], states[:, 1])

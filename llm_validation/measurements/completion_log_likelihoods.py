"""Log-likelihoods of given completions while the model is steered."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.completion_likelihood import CompletionLikelihood
from llm_validation.models import LanguageModel


def measure(
    model: LanguageModel,
    *,
    prompt_ids: list[int],
    completions: list[list[int]],
    layer: int,
    displacements: np.ndarray,
) -> dict[str, Any]:
    """log p(completion | prompt) under each displacement, from the last prompt token on.

    Parameters
    ----------
    model
        From ``load_model``.
    prompt_ids
        Token ids up to where the model's answer would begin.
    completions
        Token ids of each answer; what is not in them (the end of the turn) is not scored.
    layer
        "After block i", counted from 0.
    displacements
        (k, d) added to the residual stream; a row of zeros is the unsteered model.

    Returns
    -------
    dict
        ``log_likelihood`` (k, completions) in nats, sums over tokens in float64; ``tokens``
        (completions,) their numbers.

    Raises
    ------
    InvalidInput
        If the ids, the layer or the displacements do not fit the model.
    """
    rows = np.reshape(displacements, (-1, np.shape(displacements)[-1]))
    columns = [CompletionLikelihood(model, prompt_ids, ids, layer)(rows) for ids in completions]
    return {
        "log_likelihood": np.stack(columns, axis=1) if columns else np.empty((len(rows), 0)),
        "tokens": np.array([len(ids) for ids in completions], dtype=np.int64),
    }

"""Gradient of the log-odds of two opposite completions with respect to a steering displacement."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.completion_likelihood import OppositeCompletions
from llm_validation.models import LanguageModel


def measure(
    model: LanguageModel, *, prompt_ids: list[int], completions: list[list[int]], layer: int
) -> dict[str, Any]:
    """w of theory.md N8, at the unsteered model.

    The displacement is added where ``completion_log_likelihoods`` adds it, and the score is
    ``LogOdds.per_token`` of what that measures.

    Parameters
    ----------
    model
        From ``load_model``.
    prompt_ids
        Token ids up to where the model's answer would begin.
    completions
        Token ids of the positive and of the negative answer.
    layer
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``gradient`` (d,) float64, in nats per token per unit of the state.

    Raises
    ------
    InvalidInput
        If there are not two completions, or ids or layer do not fit the model.
    """
    score = OppositeCompletions(model, prompt_ids, completions, layer)
    return {"gradient": score.with_gradient(np.zeros(model.width))[1]}

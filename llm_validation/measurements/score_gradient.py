"""Gradient of the log-odds of two opposite completions with respect to a steering displacement."""

from __future__ import annotations

from typing import Any

import torch

from identifiability.errors import InvalidInput
from llm_validation.completion import Completion
from llm_validation.inputs import token_ids
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of


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
    if len(completions) != 2:
        raise InvalidInput(
            f"completions must be two, the positive one first, got {len(completions)}; "
            "differentiate one pair at a time"
        )
    positive, negative = (
        _mean_log_likelihood_gradient(model, prompt_ids, ids, layer) for ids in completions
    )
    return {"gradient": (positive - negative).double().cpu().numpy()}


def _mean_log_likelihood_gradient(
    model: LanguageModel, prompt_ids: list[int], ids: list[int], layer: int
) -> torch.Tensor:
    """(d,) of the mean of log p over the tokens of one completion."""
    decoder = decoder_of(model)
    given = token_ids(decoder, ids)[0]
    last = token_ids(decoder, prompt_ids).shape[1] - 1
    completion = Completion(model, prompt_ids, ids, layer, range(last, last + len(given)))
    with torch.enable_grad():
        delta = torch.zeros(
            decoder.width, dtype=completion.logits.dtype, device=given.device, requires_grad=True
        )
        log_p = torch.log_softmax(completion(delta).double(), -1)  # (n, V)
        chosen = log_p.gather(-1, given.to(log_p.device)[:, None])
        (gradient,) = torch.autograd.grad(chosen.mean(), delta)
    return gradient

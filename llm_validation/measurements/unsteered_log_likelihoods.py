"""Log-likelihoods of given completions under the model as it is, the prompt read once."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from llm_validation.inputs import token_ids
from llm_validation.models import LanguageModel
from llm_validation.precision import true_precision
from llm_validation.prefix import keys_and_values, last_tokens_only
from llm_validation.structure import decoder_of


def measure(
    model: LanguageModel, *, prompt_ids: list[int], completions: list[list[int]]
) -> dict[str, Any]:
    """log p(completion | prompt); ``completion_log_likelihoods`` where nothing is added.

    Parameters
    ----------
    model
        From ``load_model``.
    prompt_ids
        Token ids up to where the model's answer would begin.
    completions
        Token ids of each answer.

    Returns
    -------
    dict
        ``log_likelihood`` (1, completions) in nats, summed over tokens in float64; ``tokens``
        (completions,).

    Raises
    ------
    InvalidInput
        If the ids do not fit the model.
    """
    decoder = decoder_of(model)
    prompt = token_ids(decoder, prompt_ids)
    before = keys_and_values(decoder, prompt[:, :-1])
    found = []
    for ids in completions:
        given = token_ids(decoder, ids)
        token_ids(decoder, torch.cat([prompt, given[:, :-1]], dim=1))  # fits the context
        read = torch.cat([prompt[:, -1:], given[:, :-1]], dim=1)
        cache = copy.deepcopy(before)
        with (
            torch.no_grad(),
            true_precision(decoder.model),
            last_tokens_only(decoder.head, given.shape[1]),
        ):
            logits = decoder.model(input_ids=read, past_key_values=cache).logits[0]
        log_p = torch.log_softmax(logits.double(), -1)
        found.append(float(log_p.gather(-1, given[0].to(log_p.device)[:, None]).sum()))
    return {
        "log_likelihood": np.array([found]),
        "tokens": np.array([len(ids) for ids in completions], dtype=np.int64),
    }

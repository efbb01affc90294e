"""Log-likelihoods of given completions while the model is steered.

Teacher forcing: the completion is given and the model only says how likely it finds it. Nothing is
sampled, so that a measurement made twice is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.completion import Completion
from llm_validation.inputs import states, token_ids
from llm_validation.memory import in_chunks
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

# Displacements × completion tokens whose logits are held together, in float64: 0.3 GB with their
# copies at 50000 words, where 60 displacements of 40 tokens would be 3 GB.
_TOKENS_AT_ONCE = 256


def measure(
    model: LanguageModel,
    *,
    prompt_ids: list[int],
    completions: list[list[int]],
    layer: int,
    displacements: np.ndarray,
) -> dict[str, Any]:
    """log p(completion | prompt) under each displacement.

    The displacement is added at the last prompt token and at every completion token that the model
    reads, so that the tokens before are run once and shared by all displacements.

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
    decoder = decoder_of(model)
    rows = states(decoder, displacements, "displacements").reshape(-1, decoder.width)
    columns = [_log_likelihood(model, prompt_ids, ids, layer, rows) for ids in completions]
    return {
        "log_likelihood": np.stack(columns, axis=1) if columns else np.empty((len(rows), 0)),
        "tokens": np.array([len(ids) for ids in completions], dtype=np.int64),
    }


def _log_likelihood(
    model: LanguageModel, prompt_ids: list[int], ids: list[int], layer: int, rows: torch.Tensor
) -> np.ndarray:
    """(k,) for one completion."""
    decoder = decoder_of(model)
    given = token_ids(decoder, ids)[0]
    last = token_ids(decoder, prompt_ids).shape[1] - 1
    steered = range(last, last + len(given))
    completion = Completion(model, prompt_ids, ids, layer, steered)

    def of_rows(chunk: torch.Tensor) -> torch.Tensor:
        logits = completion(chunk).double()  # (B, n, V)
        chosen = logits.gather(-1, given.to(logits.device).expand(len(chunk), -1)[..., None])
        return (chosen[..., 0] - torch.logsumexp(logits, -1)).sum(-1)

    at_once = max(1, _TOKENS_AT_ONCE // len(given))
    with torch.no_grad():
        return in_chunks(of_rows, rows, at_once).cpu().numpy()

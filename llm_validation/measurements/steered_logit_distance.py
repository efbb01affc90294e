"""How far a displacement moves the logits of a model that is steered already."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.inputs import states
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.memory import in_chunks, in_float64
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

_ROWS_AT_ONCE = 64  # logits held together: 13 MB at 50,000 words


def measure(
    model: LanguageModel, *, ids: list[int], layer: int, base: np.ndarray, displacements: np.ndarray
) -> dict[str, Any]:
    """Distances between the logits at h + base and at h + base + displacement.

    Parameters
    ----------
    model
        From ``load_model``.
    ids
        Token ids of the prompt; h is the state of its last token.
    layer
        "After block i", counted from 0.
    base
        (d,) what the model is steered by.
    displacements
        (n, d) added to that.

    Returns
    -------
    dict
        ``logit_distance`` (n,) Euclidean, and ``centred_logit_distance`` (n,) without the mean of
        the change over the vocabulary, which no softmax sees; float64.
    """
    decoder = decoder_of(model)
    rows = states(decoder, displacements, "displacements").reshape(-1, decoder.width)
    there = kept_continuation(model, ids, layer)
    with torch.no_grad():
        start = there.state + states(decoder, base, "base")
        own = there(start).double()

        def distances(displaced: torch.Tensor) -> torch.Tensor:
            change = displaced - own
            centred = change - change.mean(-1, keepdim=True)
            return torch.stack([change.norm(dim=-1), centred.norm(dim=-1)], dim=-1)

        def of_rows(chunk: torch.Tensor) -> torch.Tensor:
            return in_float64(distances, there(start + chunk))

        found = in_chunks(of_rows, rows, _ROWS_AT_ONCE).cpu().numpy()
    return {"logit_distance": found[:, 0].copy(), "centred_logit_distance": found[:, 1].copy()}

"""How far displacements move the distribution of the next token, by several measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.divergence import kl_and_js_of
from llm_validation.inputs import states
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.memory import in_chunks, in_float64
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

_ROWS_AT_ONCE = 64  # logits held together: 13 MB at 50,000 words


def measure(
    model: LanguageModel, *, ids: list[int], layer: int, displacements: np.ndarray, k: int = 10
) -> dict[str, Any]:
    """Measures of change of the next token's distribution, from p (unsteered) to q (displaced).

    The state at the last token is displaced. Logits come in the model's dtype, everything after
    them is float64; p is computed in a pass of its own.

    Parameters
    ----------
    model
        From ``load_model``.
    ids
        Token ids of the prompt.
    layer
        "After block i", counted from 0.
    displacements
        (n, d) added to the state, in the model's dtype.
    k
        How many of the likeliest tokens ``top_overlap`` compares.

    Returns
    -------
    dict
        (n,) float64 each. ``kl`` KL(p ‖ q) and ``js`` Jensen–Shannon divergence (at most log 2;
        Lin 1991, doi:10.1109/18.61115), in nats. ``logit_distance`` the Euclidean norm of the
        change of the logits; ``centred_logit_distance`` the same without the mean of the change
        over the vocabulary, which no softmax sees. ``top_overlap`` the share of the k likeliest
        tokens under p that are among the k likeliest under q.

    Raises
    ------
    InvalidInput
        If the ids, the layer or the displacements do not fit the model, or k is not between 1 and
        the size of the vocabulary.
    """
    decoder = decoder_of(model)
    rows = states(decoder, displacements, "displacements").reshape(-1, decoder.width)
    there = kept_continuation(model, ids, layer)
    vocabulary = there.logits.numel()
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= vocabulary:
        raise InvalidInput(f"k must be an integer between 1 and {vocabulary}, got {k!r}")
    with torch.no_grad():
        own = there(there.state).double()
        log_p = torch.log_softmax(own, -1)
        likeliest = torch.zeros(vocabulary, dtype=torch.bool, device=own.device)
        likeliest[own.topk(k).indices] = True

        def of_rows(chunk: torch.Tensor) -> torch.Tensor:
            logits = there(there.state + chunk)
            return in_float64(
                lambda displaced: _measures(own, log_p, displaced, likeliest, k), logits
            )

        found = in_chunks(of_rows, rows, _ROWS_AT_ONCE).cpu().numpy()
    names = ("kl", "js", "logit_distance", "centred_logit_distance", "top_overlap")
    return dict(zip(names, np.ascontiguousarray(found.T), strict=True))


def _measures(
    own: torch.Tensor, log_p: torch.Tensor, displaced: torch.Tensor, likeliest: torch.Tensor, k: int
) -> torch.Tensor:
    """(B, 5) from logits (V,), their log-probabilities, and logits (B, V)."""
    kl, js = kl_and_js_of(log_p, torch.log_softmax(displaced, -1))
    change = displaced - own
    centred = change - change.mean(-1, keepdim=True)
    shared = likeliest[displaced.topk(k).indices].double().mean(-1)
    return torch.stack([kl, js, change.norm(dim=-1), centred.norm(dim=-1), shared], dim=-1)

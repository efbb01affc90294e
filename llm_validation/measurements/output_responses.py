"""What small displacements do to the logits of some tokens, beside the gradients of those."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.inputs import states
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

_AT_ONCE = 32
"""Directions in one pass, which reads the weights once for all of them; twice as many rows of
logits, 13 MB in float32 at 50,000 tokens."""


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    tokens: list[int],
    directions: np.ndarray,
    share: float,
) -> dict[str, Any]:
    """Odd differences of M logits along n directions.

    Parameters
    ----------
    model, ids, layer
        As for ``Continuation``.
    tokens
        M ids.
    directions
        (n, d) of length 1; none for the gradients alone.
    share
        Of the state's length, the length of the displacements.

    Returns
    -------
    dict
        ``gradients`` (M, d) at the model's own state and ``responses`` (n, M), half of the
        difference between displacements along u and -u over their length. All float64.
    """
    there = kept_continuation(model, ids, layer)
    chosen = np.zeros((there.logits.numel(), len(tokens)))
    chosen[tokens, np.arange(len(tokens))] = 1.0
    gradients = np.asarray(there.jacobian_operator().rmatmat(chosen)).T
    size = share * float(there.state.norm())
    responses = np.zeros((len(directions), len(tokens)))
    with torch.no_grad():
        none = there.state[None][:0]
        rows = states(decoder_of(model), directions, "directions") if len(directions) else none
        for start in range(0, len(rows), _AT_ONCE):
            steps = size * rows[start : start + _AT_ONCE]
            logits = there(there.state + torch.cat([steps, -steps]))[:, tokens]
            ahead, back = logits.double().chunk(2)
            found = (ahead - back) / (2 * size)
            responses[start : start + len(steps)] = found.cpu().numpy()
    return {"gradients": gradients, "responses": responses}

"""A constant added to all logits: invisible, and whether any state can add it (N6a)."""

from __future__ import annotations

from typing import Any

import torch

from llm_validation.divergence import kl_of
from llm_validation.inputs import token_ids
from llm_validation.linearisation import Linearisation
from llm_validation.measurements.float64_model import in_float64
from llm_validation.measurements.logit_jacobian import head_factor
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of
from llm_validation.suffix import Suffix


def measure(model: LanguageModel, *, ids: list[int], shift: float) -> dict[str, Any]:
    """Shift the logits of a prompt and look for the shift among what the head can write.

    Parameters
    ----------
    model
        From ``load_model``; a copy in float64 is used.
    ids
        Token ids of the prompt.
    shift
        Added to every logit, as a multiple of the largest of them.

    Returns
    -------
    dict
        ``kl`` of the two distributions, in nats. ``reach``: squared cosine between the constant
        vector and the column space of the derivative of the logits in what the head reads, which
        holds the column space of every Jacobian J_x; 1 if it lies in it.
    """
    wide = in_float64(model)
    decoder = decoder_of(wide)
    tokens = token_ids(decoder, ids)
    last = len(decoder.blocks) - 1
    suffix = Suffix(decoder, tokens, last, tokens.shape[1] - 1)
    logits = suffix.logits[0]
    moved = logits + shift * logits.abs().max()
    slopes = Linearisation(suffix, decoder.head.weight, suffix.state[None]).slopes[0]
    head, mean = head_factor(wide, slopes)
    # With S the centred second moments, the constant's part in the space is t/(1 + t) for
    # t = V mean^T S^+ mean; S^+ by least squares, as a narrow vocabulary leaves S singular.
    solved = torch.linalg.pinv(head.T) @ mean
    known = head.T @ solved
    rest = float((mean - known).norm() / mean.norm())
    t = len(slopes) * float(solved @ solved)
    # A part of the mean that no centred column has writes a constant and nothing else.
    reach = 1.0 if rest > 1e-8 else t / (1 + t)
    log_p, log_q = torch.log_softmax(logits, -1), torch.log_softmax(moved, -1)
    return {"kl": float(kl_of(log_p, log_q)), "reach": reach}

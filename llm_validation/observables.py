r"""Fisher metrics of coarser views of the next token than its whole distribution (N10).

A channel T merges outcomes of p into those of q. With A the outcomes merged into one and

.. math:: g_A = \nabla_h \log q_A = J^\top (1_A\, p / q_A - p), \qquad
    G_T = \sum_A q_A\, g_A g_A^\top \preceq G

the divergence of q is ½ δᵀG_Tδ to second order, and no channel sees more than the whole
distribution does (data processing).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation

CHANNELS = ("next-token", "topk:K")


def fisher_of_channel(continuation: Continuation, channel: str, h: Any = None) -> np.ndarray:
    """Fisher metric of what the channel shows of the next token, pulled back to the state.

    Parameters
    ----------
    continuation
        Prompt, layer and position.
    channel
        ``next-token``: the whole distribution. ``topk:K``: the K likeliest tokens of the model as
        it is, and all others as one outcome: rank at most K. They stay the same K wherever h is:
        a channel that chose anew at each h would not be one channel.
    h
        (d,) where; by default at the model's own state.

    Returns
    -------
    numpy.ndarray
        (d, d) symmetric float64, nats per squared unit of the state.

    Raises
    ------
    InvalidInput
        For a channel that is none of these, or K not from 1 to one less than the vocabulary.
    """
    k = _likeliest(channel, continuation.logits.numel())
    if k is None:
        return continuation.fisher(h)
    log_q, gradients = log_probabilities(continuation, continuation.logits.topk(k).indices, h)
    metric = (gradients.T * np.exp(log_q)) @ gradients
    return (metric + metric.T) / 2


def log_probabilities(
    continuation: Continuation, tokens: Any, h: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities of some tokens, and of all others together, and their gradients.

    Parameters
    ----------
    continuation, h
        As for ``fisher_of_channel``.
    tokens
        (k,) different token ids, k below the vocabulary.

    Returns
    -------
    (k + 1,) and (k + 1, d) float64
        In nats, and nats per unit of the state; all others come last.
    """
    at = continuation.state if h is None else h
    with torch.no_grad():
        log_p = torch.log_softmax(continuation(at).double(), -1)
    chosen = torch.as_tensor(tokens, device=log_p.device)
    p, k = log_p.exp(), len(chosen)
    # The rest as a sum of its own: one minus the others would cancel where they are nearly all.
    log_rest = log_p.index_fill(0, chosen, -torch.inf).logsumexp(-1)
    cotangents = -p.expand(k + 1, -1).clone()  # (k + 1, V)
    cotangents[torch.arange(k), chosen] += 1
    cotangents[-1] += (log_p - log_rest).exp().index_fill(0, chosen, 0)
    operator = continuation.jacobian_operator(h)
    gradients = np.asarray(operator.rmatmat(cotangents.T.cpu().numpy())).T
    return torch.cat([log_p[chosen], log_rest[None]]).cpu().numpy(), gradients


def _likeliest(channel: str, words: int) -> int | None:
    """K, or None for the whole distribution."""
    name, colon, number = channel.partition(":")
    if name == "next-token" and not colon:
        return None
    if name != "topk":
        raise unknown("channel", channel, CHANNELS)
    if not number.isdecimal() or not 1 <= int(number) < words:
        raise InvalidInput(
            f"channel must be topk:K with K from 1 to {words - 1} for this model, got {channel!r}; "
            "for example topk:20"
        )
    return int(number)

"""Attention that does not differentiate the constant prefix.

Stock attention joins the prefix's cached keys and values to those of the new tokens and then sends
gradients through all of them, although those of the prefix are thrown away: for one new token after
a prefix of T that is T times the needed work, and more than half of the time of a Jacobian. The
function here is the same attention with the prefix's keys and values detached. The new tokens' own
it takes from before they were joined, where the cache remembers them (``ConstantPrefix``):
the derivative of cutting them out again would be T rows of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

NAME = "constant_prefix"


def constant_prefix_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    **_unused: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax attention of new tokens to a constant prefix and to themselves.

    Parameters
    ----------
    module
        The attention module that calls; not needed, the head counts come from the shapes.
    query
        (batch, heads, new, e).
    key, value
        (batch, key heads, prefix + new, e), grouped heads not yet repeated; ``own`` on them, where
        it is there, is the part of the new tokens.
    attention_mask
        Additive, broadcastable to (batch, heads, new, prefix + new), or None.
    scaling
        Factor on the scores; 1/sqrt(e) by default.
    dropout
        Unused: a continuation is evaluated, never trained.
    softcap
        Scores become softcap · tanh(scores / softcap) (Gemma 2, arXiv 2408.00118).

    Returns
    -------
    output
        (batch, new, heads, e).
    weights
        (batch, heads, new, prefix + new).
    """
    batch, heads, new, width = query.shape
    groups, prefix = key.shape[1], key.shape[-2] - new
    # Heads of one group share their keys, so they are rows of one product instead of copies.
    grouped = query.reshape(batch, groups, heads // groups * new, width)
    parts = [prefix, new]
    past_key, own_key = _past_and_own(key, parts)
    past_value, own_value = _past_and_own(value, parts)

    past_scores = grouped @ past_key.transpose(-1, -2)
    own_scores = grouped @ own_key.transpose(-1, -2)
    scores = torch.cat([past_scores, own_scores], dim=-1).view(batch, heads, new, -1)
    scores = scores * (width**-0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)

    past_weights, own_weights = weights.view(*grouped.shape[:-1], -1).split(parts, dim=-1)
    output = past_weights @ past_value + own_weights @ own_value
    return output.view(batch, heads, new, -1).transpose(1, 2).contiguous(), weights


def _past_and_own(joined: torch.Tensor, parts: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    own = getattr(joined, "own", None)
    past, cut = joined.split(parts, dim=-2)
    return past.detach(), cut if own is None else own


AttentionInterface.register(NAME, constant_prefix_attention)
AttentionMaskInterface.register(NAME, eager_mask)


@contextmanager
def attention(config: Any, name: str) -> Iterator[None]:
    """While entered, the decoder of this config attends through the function of this name.

    Architectures that choose their attention when they are built (GPT-J) keep their own.
    """
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before

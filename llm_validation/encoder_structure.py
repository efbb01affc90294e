"""Where things are in a bidirectional encoder, found by structure as in a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from identifiability.errors import InvalidInput
from llm_validation.structure import Decoder


@dataclass(frozen=True, eq=False)
class Encoder:
    """The parts of an encoder that reading and differentiating need.

    Attributes
    ----------
    model
        The Hugging Face encoder without a head: its last hidden states are pooled to the output.
    stack
        The module that holds the blocks, the same as ``model``.
    blocks
        The encoder blocks in order.
    width
        d, the width of the residual stream.
    context
        Longest input in tokens, or None where the architecture sets no limit.
    tokenizer
        Turns a text into token ids; None for a bare Hugging Face model.
    normalise
        Whether the pooled state is divided by its length.
    """

    model: Any
    stack: nn.Module
    blocks: nn.ModuleList
    width: int
    context: int | None
    tokenizer: Any = None
    normalise: bool = True

    # One layer convention, one sentence when it is broken.
    layer_index = Decoder.layer_index

    def pool(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The output (B, d) from the last hidden states (B, T, d): their mean over true tokens.

        Then to unit length, if the encoder does that, as sentence-transformers has it
        (arXiv 1908.10084). ``mask`` (B, T) is 1 at tokens and 0 at padding.
        """
        weights = mask.to(hidden)[..., None]
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return mean / mean.norm(dim=-1, keepdim=True) if self.normalise else mean


def is_encoder(config: Any) -> bool:
    """Whether a configuration is that of a bidirectional encoder: trained by masking words."""
    import transformers

    masked = type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING
    return masked and not config.is_encoder_decoder and not getattr(config, "is_decoder", False)


def encoder_of(model: Any) -> Encoder:
    """Find the blocks of an encoder.

    Parameters
    ----------
    model
        A ``SentenceEncoder``, or a Hugging Face encoder, whose mean-pooled last state of unit
        length is then the output; a head on it is left out.

    Raises
    ------
    InvalidInput
        If the model is no encoder, or keeps its blocks where no list of the right length is found.
    """
    bare = isinstance(model, nn.Module)
    found: Any = model if bare else getattr(model, "model", None)
    if not isinstance(found, nn.Module) or not hasattr(found, "base_model"):
        raise InvalidInput(
            "model must be a SentenceEncoder or a Hugging Face encoder, "
            f"got {type(model).__name__}; call load_encoder"
        )
    base: Any = found.base_model
    name = type(found).__name__
    if not is_encoder(base.config):
        raise InvalidInput(
            f"{name} is not a bidirectional encoder, expected one such as BERT; "
            "a language model takes Continuation"
        )
    count = base.config.num_hidden_layers
    lists = (part for part in base.modules() if isinstance(part, nn.ModuleList))
    blocks = next((part for part in lists if len(part) == count), None)
    if blocks is None:
        raise InvalidInput(
            f"{name} keeps no list of {count} blocks; this architecture is not supported"
        )
    context, tokenizer, normalise = _context(base), None, True
    if not bare:
        shorter = [limit for limit in (context, model.context) if limit is not None]
        context = min(shorter, default=None)
        tokenizer, normalise = model.tokenizer, model.normalise
    return Encoder(base, base, blocks, base.config.hidden_size, context, tokenizer, normalise)


def _context(base: Any) -> int | None:
    limit = getattr(base.config, "max_position_embeddings", None)
    if limit is None:
        return None
    for part in base.modules():
        # RoBERTa and its kin count positions from the one after that of the padding.
        table = isinstance(part, nn.Embedding) and part.num_embeddings == limit
        if table and part.padding_idx is not None and limit != base.config.vocab_size:
            return limit - part.padding_idx - 1
    return limit

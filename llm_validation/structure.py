"""Where things are in a decoder: blocks, head and final norm, found by structure.

One layer convention in the whole package: **layer i is the residual stream after block i**, counted
from 0; -1 is the last block. (It is not the index into ``hidden_states``, whose entry 0 is the
embedding and whose last entry comes after the final norm.)
"""

from __future__ import annotations

import inspect
import operator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from identifiability.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Decoder:
    """The parts of a decoder-only language model that reading and steering need.

    Attributes
    ----------
    model
        The Hugging Face model, head included.
    stack
        The module that holds the blocks.
    blocks
        The decoder blocks in order.
    head
        The linear map from the final state to the vocabulary.
    width
        d, the width of the residual stream.
    context
        Longest input in tokens, or None where the architecture sets no limit.
    """

    model: Any
    stack: nn.Module
    blocks: nn.ModuleList
    head: nn.Linear
    width: int
    context: int | None

    def layer_index(self, layer: int) -> int:
        """The layer counted from 0, from one that may count from the end.

        Raises
        ------
        InvalidInput
            If it is not an integer in the range of this model.
        """
        count = len(self.blocks)
        if isinstance(layer, bool) or not hasattr(layer, "__index__"):
            raise InvalidInput(f"layer must be an integer, got {layer!r}")
        index = operator.index(layer)
        if not -count <= index < count:
            raise InvalidInput(
                f"layer must be between {-count} and {count - 1} for this model of {count} blocks "
                f"(0 is after the first block, -1 after the last), got {index}"
            )
        return index % count


def decoder_of(model: Any) -> Decoder:
    """Find the blocks and the head of a language model.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face model with a language-model head.

    Raises
    ------
    InvalidInput
        If the model is an encoder-decoder or a state-space model, has no head over a vocabulary,
        keeps its blocks where no list of the right length is found, or has its embedding or its
        head on no device (blocks may be: accelerate brings each in when it runs).
    """
    found = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(found, nn.Module) or not hasattr(found, "get_output_embeddings"):
        raise InvalidInput(
            "model must be a LanguageModel or a Hugging Face model, "
            f"got {type(model).__name__}; call load_model"
        )
    module: Any = found
    name = type(module).__name__
    if module.config.is_encoder_decoder:
        raise InvalidInput(
            f"{name} is an encoder-decoder, expected a decoder-only language model; choose one"
        )
    head = module.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise InvalidInput(
            f"{name} has no linear head over a vocabulary; load it with AutoModelForCausalLM"
        )
    if head.weight.is_meta or module.get_input_embeddings().weight.is_meta:
        raise InvalidInput(
            f"{name} must have its embedding and its head in memory, one of them was left on disk; "
            "offload blocks alone"
        )
    if "past_key_values" not in inspect.signature(module.forward).parameters:
        raise InvalidInput(
            f"{name} keeps no keys and values, expected attention in every block; "
            "state-space models are not supported"
        )
    config = module.config.get_text_config(decoder=True)
    stack = module.get_decoder()
    lists = (part for part in stack.modules() if isinstance(part, nn.ModuleList))
    blocks = next((part for part in lists if len(part) == config.num_hidden_layers), None)
    if blocks is None:
        raise InvalidInput(
            f"{name} keeps no list of {config.num_hidden_layers} blocks in its decoder; "
            "this architecture is not supported"
        )
    context = getattr(config, "max_position_embeddings", None)
    return Decoder(module, stack, blocks, head, config.hidden_size, context)


def norm_kind(decoder: Decoder) -> Literal["layer", "rms"]:
    """Whether the norm before the head is a LayerNorm or an RMSNorm, decided by what it does.

    A LayerNorm does not see c·1 added to its input, an RMSNorm does (theory.md N6b). Where there is
    no final norm (post-LN blocks) the last norm inside the last block decides.

    Raises
    ------
    InvalidInput
        If the decoder holds no norm at all.
    """
    inside = {id(part) for part in decoder.blocks.modules()}
    outside = [part for part in decoder.stack.modules() if id(part) not in inside]
    norms = _norms(outside) or _norms(list(decoder.blocks[-1].modules()))
    if not norms:
        raise InvalidInput(f"{type(decoder.model).__name__} has no norm layer; it is not supported")
    weight = next(decoder.model.parameters())
    state = torch.linspace(-1, 2, decoder.width).sin().to(weight)
    with torch.no_grad():
        plain, shifted = norms[-1](state), norms[-1](state + 1)
    # The state has unit scale: an RMSNorm moves by about as much, a LayerNorm by its dtype's
    # rounding (4e-3 in bfloat16) and that of its eps.
    return "layer" if (plain - shifted).abs().max() < 0.05 * plain.abs().max() else "rms"


def _norms(parts: list[nn.Module]) -> list[nn.Module]:
    return [part for part in parts if "norm" in type(part).__name__.lower()]

"""Tiny random decoders, one for each place of the norms, on which N6b is seen at every layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import transformers

from llm_validation.continuation import Continuation
from llm_validation.models import LanguageModel

WIDTH, BLOCKS, WORDS, LENGTH = 32, 4, 67, 9

_SIZES: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "vocab_size": WORDS,
    "max_position_embeddings": 32,
    # Of the vocabulary, or transformers warns.
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
KINDS = ("pre-LN, LayerNorm", "post-LN, LayerNorm", "pre-LN, RMSNorm")


def measure(_model: LanguageModel, *, kind: str, amplitude: float, seed: int) -> dict[str, Any]:
    """Add the mean direction to the last state after every block of a random decoder in float64.

    Parameters
    ----------
    kind
        "pre-LN, LayerNorm" (GPT-2), "post-LN, LayerNorm" (OPT-350m) or "pre-LN, RMSNorm" (Llama).
        The model of the run has no part in it.
    amplitude
        Added to every coordinate of the state.
    seed
        Of weights and prompt.

    Returns
    -------
    dict
        ``kl`` (blocks,) of the next token, in nats, for each block that it is added after.
    """
    decoder, ids = random_decoder(kind, seed)
    moved = np.full(WIDTH, amplitude)
    found = [Continuation(decoder, ids, layer).kl(moved) for layer in range(BLOCKS)]
    return {"kl": np.array(found, dtype=float)}


def random_decoder(kind: str, seed: int) -> tuple[Any, torch.Tensor]:
    """A decoder in eval mode, and a prompt (1, T)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = transformers.AutoModelForCausalLM.from_config(
            _configuration(kind), attn_implementation="eager"
        )
        # Initial weights of 0.02 make every block nearly the identity and every output flat.
        for parameter in made.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.25)
        ids = torch.randint(3, WORDS, (1, LENGTH))
    return made.double().eval().requires_grad_(False), ids


def _configuration(kind: str) -> Any:
    if kind == KINDS[0]:
        return transformers.GPT2Config(**_SIZES)
    if kind == KINDS[1]:
        return transformers.OPTConfig(
            **_SIZES, ffn_dim=48, word_embed_proj_dim=WIDTH, do_layer_norm_before=False
        )
    return transformers.LlamaConfig(**_SIZES, intermediate_size=48)

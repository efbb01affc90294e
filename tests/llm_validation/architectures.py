"""Tiny random decoders of many architectures; a new one is added here once.

d = 32, four blocks, 67 words: big enough for grouped keys and sliding windows, small enough for a
dense Jacobian of the logits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import transformers

from tests.llm_validation.devices import current, here

WIDTH, BLOCKS, WORDS, CONTEXT = 32, 4, 67, 64

_LLAMA_LIKE = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "vocab_size": WORDS,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_GROUPED = {**_LLAMA_LIKE, "num_key_value_heads": 2}
_VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}
_GPT2_LIKE = {
    "n_embd": WIDTH,
    "n_layer": BLOCKS,
    "n_head": 4,
    "n_positions": CONTEXT,
    "vocab_size": WORDS,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

CONFIGURATIONS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: transformers.GPT2Config(**_GPT2_LIKE),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_LLAMA_LIKE),
    "gptj": lambda: transformers.GPTJConfig(**_GPT2_LIKE, rotary_dim=4),
    "opt": lambda: transformers.OPTConfig(**_LLAMA_LIKE, ffn_dim=48, word_embed_proj_dim=WIDTH),
    # Post-LN blocks, no final norm, and a head narrower than the residual stream, as OPT-350m.
    "opt_post_ln": lambda: transformers.OPTConfig(
        **_LLAMA_LIKE, ffn_dim=48, word_embed_proj_dim=16, do_layer_norm_before=False
    ),
    "bloom": lambda: transformers.BloomConfig(
        hidden_size=WIDTH, n_layer=BLOCKS, n_head=4, vocab_size=WORDS
    ),
    "falcon_alibi": lambda: transformers.FalconConfig(
        **_LLAMA_LIKE, alibi=True, new_decoder_architecture=False
    ),
    "llama": lambda: transformers.LlamaConfig(**_GROUPED),
    # A window shorter than the prompts of the tests.
    "mistral": lambda: transformers.MistralConfig(**_GROUPED, sliding_window=5),
    "qwen2": lambda: transformers.Qwen2Config(**_GROUPED),
    "qwen3": lambda: transformers.Qwen3Config(**_GROUPED, head_dim=8),
    # Soft-capping of scores and logits low enough to bend both; every other window is sliding.
    "gemma2": lambda: transformers.Gemma2Config(
        **_GROUPED,
        head_dim=8,
        sliding_window=5,
        query_pre_attn_scalar=8,
        attn_logit_softcapping=0.5,
        final_logit_softcapping=1.0,
    ),
    # Its sliding and its full blocks have rotary frequencies of their own.
    "gemma3": lambda: transformers.Gemma3TextConfig(
        **_GROUPED,
        head_dim=8,
        sliding_window=5,
        query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "full_attention"] * 2,
    ),
    "phi": lambda: transformers.PhiConfig(**_LLAMA_LIKE),
    # One matrix for queries, keys and values, one for gate and up.
    "phi3": lambda: transformers.Phi3Config(**_GROUPED, sliding_window=5),
    "cohere": lambda: transformers.CohereConfig(**_GROUPED, logit_scale=0.25),
    "granite": lambda: transformers.GraniteConfig(**_GROUPED, logits_scaling=4.0),
    "olmo2": lambda: transformers.Olmo2Config(**_GROUPED),
    "stablelm": lambda: transformers.StableLmConfig(**_GROUPED),
    # Attention sinks: a column of the softmax that the quick attention does not know.
    "gpt_oss": lambda: transformers.GptOssConfig(
        **_GROUPED, head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=5
    ),
    "mixtral": lambda: transformers.MixtralConfig(
        **_GROUPED, num_local_experts=4, num_experts_per_tok=2
    ),
    # A language model inside a vision model, given text alone.
    "llava": lambda: transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**_GROUPED),
        vision_config=transformers.CLIPVisionConfig(**_VISION, num_hidden_layers=2),
        image_token_index=2,
    ),
    # As many vision blocks as language blocks, so that their number does not tell which is which.
    "gemma3_vision": lambda: transformers.Gemma3Config(
        text_config=CONFIGURATIONS["gemma3"](),
        vision_config={**_VISION, "num_hidden_layers": BLOCKS},
        mm_tokens_per_image=4,
        image_token_index=2,
    ),
    # Three rotary positions for each token.
    "qwen2_vl": lambda: transformers.Qwen2VLConfig(
        text_config={
            **_GROUPED,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [1, 1, 2],
            },
        },
        vision_config={"depth": 2, "embed_dim": 16, "hidden_size": WIDTH, "num_heads": 2},
        image_token_id=2,
    ),
}
ARCHITECTURES = tuple(CONFIGURATIONS)


def tiny(architecture: str, dtype: torch.dtype = torch.float64) -> Any:
    """A random decoder in eval mode, the same in every session, on the device of the test."""
    return _tiny(architecture, dtype, current())


@cache
def _tiny(architecture: str, dtype: torch.dtype, device: str) -> Any:
    config = CONFIGURATIONS[architecture]()
    causal = type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    auto = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForImageTextToText
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = auto.from_config(config, attn_implementation="eager")
        # Initial weights of 0.02 make every block nearly the identity and every softmax flat.
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.25)
            else:
                torch.nn.init.normal_(parameter, mean=parameter.mean().item(), std=0.1)
    return model.to(device, dtype).eval().requires_grad_(False)


def prompt(length: int = 11) -> torch.Tensor:
    """(1, length) random token ids, the same in every session, on the device of the test."""
    drawn = torch.randint(3, WORDS, (1, length), generator=torch.Generator().manual_seed(5))
    return here(drawn)

"""A tiny random decoder with a tokenizer of its own, as ``load_model`` would give it."""

from __future__ import annotations

import tokenizers
import torch
from transformers import PreTrainedTokenizerFast

from llm_validation.models import LanguageModel
from tests.llm_validation.architectures import BLOCKS, WIDTH, WORDS, tiny


def tokenizer() -> PreTrainedTokenizerFast:
    """Splits at spaces; words it knows are ``w3`` to ``w66``."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, WORDS)}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="</s>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def tiny_language_model(
    architecture: str = "llama", dtype: torch.dtype = torch.float64
) -> LanguageModel:
    """Four blocks of width 32, the same in every session."""
    return LanguageModel(
        model=tiny(architecture, dtype),
        tokenizer=tokenizer(),
        name=f"tiny-{architecture}",
        revision="none",
        weights_sha256="ab" * 32,
        dtype=str(dtype).removeprefix("torch."),
        layers=BLOCKS,
        width=WIDTH,
        norm="rms",
    )

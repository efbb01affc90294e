"""A tiny random encoder with a tokenizer of its own, as ``load_encoder`` would give it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
import torch
from transformers import PreTrainedTokenizerFast

from llm_validation.measurements.encoder_context import GaussianEncoder, covariance_over
from llm_validation.sentence_encoder import SentenceEncoder
from tests.llm_validation.encoders import BLOCKS, WIDTH, WORDS, tiny_encoder


def tokenizer() -> PreTrainedTokenizerFast:
    """Splits at spaces and marks both ends; words it knows are ``w3`` to ``w66``."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, WORDS)}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<pad>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    ends = [("<s>", 1), ("</s>", 2)]
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def tiny_sentence_encoder(
    architecture: str = "bert", dtype: torch.dtype = torch.float64
) -> SentenceEncoder:
    """Three blocks of width 16, the same in every session."""
    return SentenceEncoder(
        model=tiny_encoder(architecture, dtype),
        tokenizer=tokenizer(),
        name=f"tiny-{architecture}",
        revision="none",
        weights_sha256="cd" * 32,
        dtype=str(dtype).removeprefix("torch."),
        layers=BLOCKS,
        width=WIDTH,
        context=20,
        normalise=True,
    )


def texts(count: int, seed: int = 0) -> list[list[int]]:
    """Token ids of random texts of several lengths, those that mark the ends included."""
    rng = np.random.default_rng(seed)
    return [[1, *rng.integers(3, WORDS, int(rng.integers(4, 9))).tolist(), 2] for _ in range(count)]


def gaussian(
    architecture: str = "bert", dtype: torch.dtype = torch.float64, count: int = 6
) -> GaussianEncoder:
    """Read by its covariance over that many texts."""
    encoder = tiny_sentence_encoder(architecture, dtype)
    return GaussianEncoder(encoder, covariance_over(encoder, texts(count, seed=7)))


def saved(folder: Path) -> str:
    """Written to a folder, as cells load it by name."""
    tiny_encoder("bert", torch.float32).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)

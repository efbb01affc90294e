"""A tiny random decoder in a folder, as an audit's cells load it by name, and prompts for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import transformers

from llm_validation.audit import Audit, audit
from llm_validation.models import LanguageModel, load_model
from tests.llm_validation.architectures import WORDS, tiny


def saved(folder: Path, architecture: str, dtype: str = "float64") -> LanguageModel:
    """Written to the folder and loaded from it; its tokenizer knows ``w3`` to ``w66``."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, WORDS)}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<pad>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    tiny(architecture).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=core, **special).save_pretrained(folder)
    return load_model(str(folder), dtype=dtype)


def prompts(count: int = 16, seed: int = 0) -> list[str]:
    """Different ones, eight words each."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{i}" for i in rng.integers(3, WORDS, 8)) for _ in range(count)]


PROMPTS, COUNT = prompts(10), 8


def audited(model: LanguageModel, vector: Any, layer: int | None, **settings: Any) -> Audit:
    """In this process, on eight of ten prompts unless told otherwise."""
    settings = {"prompts": PROMPTS, "count": COUNT, "workers": 1} | settings
    return audit(vector, model, layer, **settings)

"""Folders of models with one thing wrong in each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import transformers

from tests.bad_input.text_files import DEEP, json_bytes
from tests.bad_input.vector_files import TRACE, Trap, safetensors, torch_file

MODELS = (
    "bare_model",
    "text_config",
    "deep_config",
    "list_config",
    "typed_config",
    "wide_config",
    "unknown_config",
    "own_code",
    "encoder",
    "cut_weights",
    "overlapping_weights",
    "no_weights",
    "trapped_weights",
    "no_tokenizer",
    "text_tokenizer",
    "odd_tokenizer",
    "deep_tokenizer",
    "deep_tokenizer_config",
    "deep_generation_config",
    "deep_index",
)


_DEEP = {
    "deep_tokenizer": "tokenizer.json",
    "deep_tokenizer_config": "tokenizer_config.json",
    "deep_generation_config": "generation_config.json",
    "deep_index": "model.safetensors.index.json",
}


def build_model(folder: Path, name: str) -> None:
    """The folder ``model`` with one thing wrong."""
    place = folder / name
    if name == "bare_model":
        place.mkdir()
        return
    shutil.copytree(folder / "model", place)
    config, weights = place / "config.json", place / "model.safetensors"
    if name in _DEEP:
        (place / _DEEP[name]).write_bytes(DEEP)
        if name == "deep_index":
            weights.unlink()
    elif name.endswith("_config"):
        config.write_bytes(_config(name, json.loads(config.read_text())))
    elif name == "own_code":
        own = {"auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}}
        config.write_bytes(json_bytes(own | {"model_type": "own"}))
        (place / "own.py").write_text(f"open({str(folder / TRACE)!r}, 'w')\n")
    elif name == "encoder":
        transformers.BertConfig(hidden_size=32, num_attention_heads=2).save_pretrained(place)
    elif name == "cut_weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif name == "overlapping_weights":
        weights.write_bytes(safetensors({"lm_head.weight": (0, 128), "b": (64, 192)}, 192))
    elif name == "no_weights":
        weights.unlink()
    elif name == "trapped_weights":
        weights.unlink()
        (place / "pytorch_model.bin").write_bytes(torch_file({"lm_head.weight": Trap(folder)}))
    elif name == "no_tokenizer":
        for path in place.glob("*token*"):
            path.unlink()
    elif name == "text_tokenizer":
        (place / "tokenizer.json").write_text("none")
    elif name == "odd_tokenizer":
        (place / "tokenizer.json").write_text('{"model": 3}')


def _config(name: str, whole: dict[str, Any]) -> bytes:
    return {
        "text_config": b"hidden_size = 32",
        "deep_config": DEEP,
        "list_config": b"[]",
        "typed_config": json_bytes(whole | {"hidden_size": "wide"}),
        "wide_config": json_bytes(whole | {"hidden_size": 48, "head_dim": 8}),
        "unknown_config": json_bytes(whole | {"model_type": "perceptron"}),
    }[name]

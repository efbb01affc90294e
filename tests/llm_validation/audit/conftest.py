"""Tiny models, and a trait in a file of the user's own."""

from __future__ import annotations

import json

import pytest

from tests.llm_validation.audit.small_model import prompts, saved


@pytest.fixture(scope="package")
def gpt2(tmp_path_factory):
    """Pre-LN with LayerNorms, in float64."""
    return saved(tmp_path_factory.mktemp("gpt2"), "gpt2")


@pytest.fixture(scope="package")
def llama(tmp_path_factory):
    """Pre-LN with RMSNorms, in float64."""
    return saved(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture
def trait_file(tmp_path):
    """Four completions of split "choose" and five held out."""
    texts = prompts(40, seed=8)
    completions = [
        {
            "prompt": texts[4 * i],
            "positive": texts[4 * i + 1],
            "negative": texts[4 * i + 2],
            "split": "choose" if i < 4 else "held_out",
        }
        for i in range(9)
    ]
    pairs = [
        {"context": f"c{i}", "positive": texts[4 * i + 3], "negative": texts[37 + i]}
        for i in range(2)
    ]
    trait = {
        "trait": "planted",
        "description": "d",
        "license": "l",
        "instructions": {"positive": "w3", "negative": "w4"},
        "pairs": pairs,
        "completions": completions,
    }
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(trait))
    return path

"""A run of a few claims on a tiny model in float32, where another order of sums shows at once."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any
from unittest.mock import patch

from identifiability.store import Store
from identifiability.verdict import plain
from llm_validation import run as module
from llm_validation.request import Request
from llm_validation.scale import PromptCounts, Scale
from tests.llm_validation.audit.small_model import prompts, saved

# One of metrics, divergences and rounding; one of exact ranks in float64.
CLAIMS = ("epsilon_null", "null_space_dimension")
TEXTS = prompts(30, seed=1)


def tiny_request(folder: Path) -> Request:
    """The request, with its model and its trait written to the folder."""
    saved(folder / "model", "llama", "float32")
    pairs = [
        {"context": str(i), "positive": TEXTS[2 * i], "negative": TEXTS[2 * i + 1]}
        for i in range(4)
    ]
    trait = {"trait": "words", "description": "some", "license": "Apache-2.0", "pairs": pairs}
    (folder / "words.json").write_text(json.dumps(trait | {"completions": []}))
    return request_of(folder)


def request_of(folder: Path) -> Request:
    """The request whose model and trait lie in the folder."""
    return Request(
        model=str(folder / "model"),
        layers=(1,),
        traits=(str(folder / "words.json"),),
        claims=CLAIMS,
        scale=Scale.QUICK,
    )


def tiny_run(out: Path, request: Request, **how: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What ``llm`` writes, and every cell behind it as bytes."""
    with (
        patch.object(module, "load_prompts", lambda: TEXTS[8:]),
        patch.dict(module.PROMPTS, {Scale.QUICK: PromptCounts(2, 2, 6)}),
        Store(out) as store,
    ):
        document = plain(module.run(request, store, **how))
        done = store.keys()
        return document, {key: pickle.dumps(store.get(key)) for key in done}

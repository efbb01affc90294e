"""Real transformers: models, hooks, continuations, extraction, claims.

One layer convention everywhere: layer i is the residual stream **after block i**, counted from 0;
-1 is the last block. Names are loaded on first use, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_validation.catalogue import AvailableModel, available_models
    from llm_validation.continuation import Continuation
    from llm_validation.dataset import load_prompts, load_trait
    from llm_validation.extraction import SteeringVector, encode, extract_vector
    from llm_validation.hooks import read_states, steer
    from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model, prepare

_HOME = {
    "AvailableModel": "catalogue",
    "available_models": "catalogue",
    "Continuation": "continuation",
    "load_prompts": "dataset",
    "load_trait": "dataset",
    "SteeringVector": "extraction",
    "encode": "extraction",
    "extract_vector": "extraction",
    "read_states": "hooks",
    "steer": "hooks",
    "DEFAULT_MODEL": "models",
    "LanguageModel": "models",
    "load_model": "models",
    "prepare": "models",
}

__all__ = [
    "DEFAULT_MODEL",
    "AvailableModel",
    "Continuation",
    "LanguageModel",
    "SteeringVector",
    "available_models",
    "encode",
    "extract_vector",
    "load_model",
    "load_prompts",
    "load_trait",
    "prepare",
    "read_states",
    "steer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

"""Real transformers: models, hooks, continuations, extraction, claims.

One layer convention everywhere: layer i is the residual stream **after block i**, counted from 0;
-1 is the last block. Names are loaded on first use, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_validation.batches import Batch, pad
    from llm_validation.catalogue import AvailableModel, available_models
    from llm_validation.completion import Completion
    from llm_validation.continuation import Continuation
    from llm_validation.contrast import vector_of
    from llm_validation.dataset import load_prompts, load_trait
    from llm_validation.encoder import EncoderContinuation
    from llm_validation.extraction import (
        contrastive_states,
        encode,
        extract_vector,
        extract_vectors,
    )
    from llm_validation.hooks import read_states, steer
    from llm_validation.metric_store import MetricStore
    from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model, prepare
    from llm_validation.output_covariance import OutputCovariance
    from llm_validation.prompt_fisher import fisher_metrics, mean_fisher, metric_error
    from llm_validation.sentence_encoder import SentenceEncoder, embed, load_encoder
    from llm_validation.vectors import SteeringVector, read_vector, read_vectors, write_vectors

_HOME = {
    "Batch": "batches",
    "pad": "batches",
    "AvailableModel": "catalogue",
    "available_models": "catalogue",
    "Completion": "completion",
    "Continuation": "continuation",
    "load_prompts": "dataset",
    "load_trait": "dataset",
    "EncoderContinuation": "encoder",
    "vector_of": "contrast",
    "contrastive_states": "extraction",
    "encode": "extraction",
    "extract_vector": "extraction",
    "extract_vectors": "extraction",
    "read_states": "hooks",
    "steer": "hooks",
    "DEFAULT_MODEL": "models",
    "LanguageModel": "models",
    "load_model": "models",
    "prepare": "models",
    "OutputCovariance": "output_covariance",
    "MetricStore": "metric_store",
    "fisher_metrics": "prompt_fisher",
    "mean_fisher": "prompt_fisher",
    "metric_error": "prompt_fisher",
    "SentenceEncoder": "sentence_encoder",
    "embed": "sentence_encoder",
    "load_encoder": "sentence_encoder",
    "SteeringVector": "vectors",
    "read_vector": "vectors",
    "read_vectors": "vectors",
    "write_vectors": "vectors",
}

__all__ = [
    "DEFAULT_MODEL",
    "AvailableModel",
    "Batch",
    "Completion",
    "Continuation",
    "EncoderContinuation",
    "LanguageModel",
    "MetricStore",
    "OutputCovariance",
    "SentenceEncoder",
    "SteeringVector",
    "available_models",
    "contrastive_states",
    "embed",
    "encode",
    "extract_vector",
    "extract_vectors",
    "fisher_metrics",
    "load_encoder",
    "load_model",
    "load_prompts",
    "load_trait",
    "mean_fisher",
    "metric_error",
    "pad",
    "prepare",
    "read_states",
    "read_vector",
    "read_vectors",
    "steer",
    "vector_of",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

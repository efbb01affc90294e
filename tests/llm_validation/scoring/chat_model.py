"""The tiny decoder with a chat template: "<s>", what the user says, then "w3" for the answer."""

from __future__ import annotations

from dataclasses import replace

from llm_validation.models import LanguageModel
from tests.llm_validation.tiny_language_model import tiny_language_model

TEMPLATE = "{% for m in messages %}<s> {{ m['content'] }} w3{% endfor %}"


def chat_model(architecture: str = "gpt2") -> LanguageModel:
    """In float64; the tokenizer is its own."""
    model = tiny_language_model(architecture)
    model.tokenizer.chat_template = TEMPLATE
    return replace(model, name=f"{model.name}-chat")

"""The model of a measurement in true float64, copied once in each process."""

from __future__ import annotations

from functools import lru_cache

from llm_validation.models import LanguageModel


@lru_cache(maxsize=1)
def in_float64(model: LanguageModel) -> LanguageModel:
    """The same weights in float64, for what rounding would hide: exact ranks and symmetries."""
    return model.to_dtype("float64")

"""Divergences of displacements in true float64, for symmetries that hold exactly or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements import divergences
from llm_validation.measurements.float64_model import in_float64
from llm_validation.models import LanguageModel


def measure(
    model: LanguageModel, *, ids: list[int], layer: int, displacements: np.ndarray
) -> dict[str, Any]:
    """KL(p || q) of the next token, in nats, (n,); see ``divergences.measure``."""
    found = divergences.measure(
        in_float64(model), ids=ids, layer=layer, displacements=displacements
    )
    return {"kl": found["kl"]}

"""The divergence that rounding alone shows between a state and itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel

_BATCH = 32  # displacements at once, every other one zero


def measure(model: LanguageModel, *, ids: list[int], layer: int, seed: int) -> dict[str, Any]:
    """The unsteered state in a batch of displaced ones against the same state alone.

    In exact arithmetic the two agree, so that what they differ by is rounding.

    Returns
    -------
    dict
        ``floor``, the largest |KL| found, in nats.
    """
    there = kept_continuation(model, ids, layer)
    batch = np.random.default_rng(seed).standard_normal((_BATCH, there.width))
    size = 0.1 * float(there.state.norm())
    batch *= size / np.linalg.norm(batch, axis=1, keepdims=True)
    batch[::2] = 0.0
    return {"floor": float(np.abs(there.kl(batch)[::2]).max())}

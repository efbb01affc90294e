"""How far displacements of a state move the embedding, in nats under its Gaussian reading."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.encoder_context import GaussianEncoder

_BATCH = 32  # displacements at once, every other one zero


def measure(
    reading: GaussianEncoder, *, ids: list[int], layer: int, displacements: np.ndarray
) -> dict[str, Any]:
    """½ Δyᵀ Σ⁻¹ Δy for displacements of the state at the reading's position.

    Parameters
    ----------
    reading
        The encoder, and Σ.
    ids
        Token ids of the text.
    layer
        "After block i", counted from 0.
    displacements
        (n, d) added to the state, in the encoder's dtype.

    Returns
    -------
    dict
        ``kl`` (n,) in nats of that Gaussian.
    """
    there = reading.continuation(ids, layer)
    return {"kl": there.kl(displacements, reading.covariance)}


def exact(
    reading: GaussianEncoder, *, ids: list[int], layer: int, displacements: np.ndarray
) -> dict[str, Any]:
    """The same in true float64, for symmetries that hold exactly or not at all."""
    return measure(reading.wide, ids=ids, layer=layer, displacements=displacements)


def rounding(reading: GaussianEncoder, *, ids: list[int], layer: int, seed: int) -> dict[str, Any]:
    """What rounding alone shows: the own state in a batch of displaced ones against itself alone.

    Returns
    -------
    dict
        ``floor``, the largest divergence found, in nats.
    """
    there = reading.continuation(ids, layer)
    batch = np.random.default_rng(seed).standard_normal((_BATCH, there.width))
    batch *= 0.1 * float(there.state.norm()) / np.linalg.norm(batch, axis=1, keepdims=True)
    batch[::2] = 0.0
    return {"floor": float(there.kl(batch, reading.covariance)[::2].max())}

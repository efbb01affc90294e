"""The Fisher metric of one text's embedding, and what rounding does to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.encoder_context import GaussianEncoder


def measure(reading: GaussianEncoder, *, ids: list[int], layer: int) -> dict[str, Any]:
    """G = JᵀΣ⁻¹J at the encoder's own state at its position.

    Parameters
    ----------
    reading
        The encoder, and Σ.
    ids
        Token ids of the text, those that mark its ends included.
    layer
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``metric`` (d, d) float64, in nats (of that Gaussian) per squared unit of the state.
    """
    there = reading.continuation(ids, layer)
    return {"metric": there.fisher(reading.covariance)}


def rounding(reading: GaussianEncoder, *, ids: list[int], layer: int) -> dict[str, Any]:
    """Distance of a text's metric from the one computed in true float64 at the same state.

    Returns
    -------
    dict
        ``error`` ‖G − G₆₄‖₂; 0 from an encoder that is in float64 itself.
    """
    if reading.encoder.dtype == "float64":
        return {"error": 0.0}
    here = reading.continuation(ids, layer)
    exact = reading.wide.continuation(ids, layer)
    difference = here.fisher(reading.covariance) - exact.fisher(
        reading.covariance, here.state.double()
    )
    return {"error": float(np.linalg.norm(difference, 2))}

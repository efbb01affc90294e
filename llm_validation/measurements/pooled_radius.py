r"""Where the null direction of an embedding of unit length lies (N6c), in float64.

With z the pooled state and K (m, d) its derivative, y = z/|z| shows nothing of a displacement δ
with Kδ along z. It is K⁺z where K reaches z. Where it does not, what the last norm drops is left: a
direction with Kδ = 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from llm_validation.measurements.encoder_context import GaussianEncoder

_REACHED = 1e-8
"""Share of z outside the range of K from which on it is not reached: a solve in float64 leaves
1e-13 or less, a constant of the last norm of order one."""


def measure(reading: GaussianEncoder, *, ids: list[int], layer: int) -> dict[str, Any]:
    """The null direction at one text, from the derivative of the pooled state alone.

    The division by the length is not in it, so that it is a prediction of the embedding's null
    direction and no second computation of it.

    Parameters
    ----------
    reading
        The encoder; a copy in float64 is used.
    ids
        Token ids of the text; the state at the reading's position is displaced.
    layer
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``direction`` (d,) of unit length. ``gain``: what rounding leaves of it, the length of the
        change of the embedding for a unit step along the direction.
    """
    long = replace(reading.wide, encoder=replace(reading.wide.encoder, normalise=False))
    pooled = long.continuation(ids, layer)
    slope = pooled.jacobian().cpu().numpy()
    z = pooled.output.cpu().numpy()
    left, values, right = np.linalg.svd(slope)
    rank = int(np.sum(values > max(slope.shape) * np.finfo(float).eps * values[0]))
    inside = left[:, :rank].T @ z
    outside = np.linalg.norm(z - left[:, :rank] @ inside) / np.linalg.norm(z)
    direction = right[:rank].T @ (inside / values[:rank])
    if outside > _REACHED:
        direction = right[-1]
    direction = direction / np.linalg.norm(direction)
    change, unit = slope @ direction, z / np.linalg.norm(z)
    gain = np.linalg.norm(change - unit * (unit @ change)) / np.linalg.norm(z)
    return {"direction": direction, "gain": float(gain)}

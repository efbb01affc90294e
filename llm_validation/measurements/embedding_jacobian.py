"""The Jacobian of a text's embedding in float64: what exact ranks are taken of."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.encoder_context import GaussianEncoder


def measure(
    reading: GaussianEncoder,
    *,
    ids: list[int],
    layer: int,
    displacement: np.ndarray | None = None,
) -> dict[str, Any]:
    """∂y/∂h at the encoder's own state, or displaced from it.

    Σ has no part in it: it is regular, so that the metric has the kernel of the Jacobian.

    Parameters
    ----------
    reading
        The encoder; a copy in float64 is used, at that copy's own state.
    ids
        Token ids of the text.
    layer
        "After block i", counted from 0.
    displacement
        (d,) added to the state, such as alpha v; none by default.

    Returns
    -------
    dict
        ``factor`` (m, d) the Jacobian. ``common`` (d,) zeros: there is no softmax, and nothing
        that all outputs share is hidden.
    """
    there = reading.wide.continuation(ids, layer)
    state = there.state
    if displacement is not None:
        state = state + state.new_tensor(displacement)
    return {"factor": there.jacobian(state).cpu().numpy(), "common": np.zeros(there.width)}

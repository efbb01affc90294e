"""The paper's finite-difference probes, stepped along at an encoder's state."""

from __future__ import annotations

from typing import Any

import torch

from llm_validation.measurements.encoder_context import GaussianEncoder
from llm_validation.measurements.probed_null_space import random_probes


def measure(
    reading: GaussianEncoder, *, ids: list[int], layer: int, probes: int, step: float, seed: int
) -> dict[str, Any]:
    """Singular values and sizes of the embedding's responses to random unit probes.

    Parameters
    ----------
    reading
        The encoder, in its own dtype. Σ has no part in it: the paper knows none.
    ids
        Token ids of the text.
    layer
        "After block i", counted from 0.
    probes
        Number of random unit directions.
    step
        Length of a step, as a share of the state's norm.
    seed
        Of the directions.

    Returns
    -------
    dict
        ``singular_values`` (min(probes, m),) of the central differences of the embedding per unit
        of the state, in descending order; ``sizes`` (probes,) their row norms.
    """
    there = reading.continuation(ids, layer)
    size = step * float(there.state.norm())
    moved = there.state.new_tensor(size * random_probes(probes, there.width, seed))
    with torch.no_grad():
        rows = ((there(there.state + moved) - there(there.state - moved)) / (2 * size)).double()
        values = torch.linalg.svdvals(rows)
    return {
        "singular_values": values.cpu().numpy(),
        "sizes": rows.norm(dim=1).cpu().numpy(),
    }

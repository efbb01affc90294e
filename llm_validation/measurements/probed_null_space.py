"""The null space as random finite-difference probes see it: the paper's estimate, in its own way.

Random directions are stepped along both ways and the change of the logits is recorded. Whatever is
below a threshold relative to the largest is called null (arXiv 2602.06801).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel

_ROWS_AT_ONCE = 64


def measure(
    model: LanguageModel, *, ids: list[int], layer: int, probes: int, step: float, seed: int
) -> dict[str, Any]:
    """Singular values of the responses to random unit probes, and the responses' sizes.

    Parameters
    ----------
    model
        From ``load_model``, in its own dtype, as they did.
    ids
        Token ids of the prompt.
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
        ``singular_values`` (probes,) of the (probes, V) central differences of the logits per unit
        of the state, in descending order; ``sizes`` (probes,) their row norms.
    """
    there = kept_continuation(model, ids, layer)
    units = random_probes(probes, there.width, seed)
    size = step * float(there.state.norm())
    moved = there.state.new_tensor(size * units)
    responses = []
    with torch.no_grad():
        for some in moved.split(_ROWS_AT_ONCE):
            change = there(there.state + some) - there(there.state - some)
            responses.append((change / (2 * size)).double())
        rows = torch.cat(responses)
        # Their squares lose half of float64's digits, more than float32 logits hold anyway.
        squares = torch.linalg.eigvalsh(rows @ rows.T).flip(0).clamp_min(0)
    return {
        "singular_values": squares.sqrt().cpu().numpy(),
        "sizes": rows.norm(dim=1).cpu().numpy(),
    }


def random_probes(probes: int, width: int, seed: int) -> np.ndarray:
    """(probes, d) unit rows, uniform on the sphere."""
    units = np.random.default_rng(seed).standard_normal((probes, width))
    return units / np.linalg.norm(units, axis=1, keepdims=True)

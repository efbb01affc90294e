r"""What steering by +αv and by −αv do to an embedding, beside the Jacobian that should explain it.

.. math:: \tfrac12 [y(h + \alpha v) - y(h - \alpha v)] = \alpha J v + O(\alpha^3)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.encoder import EncoderContinuation
from llm_validation.measurements.encoder_context import GaussianEncoder

_DRAWS = 8  # samples of the rounding of an evaluation


def measure(
    reading: GaussianEncoder,
    *,
    ids: list[int],
    layer: int,
    vectors: np.ndarray,
    strengths: list[float],
    seed: int,
) -> dict[str, Any]:
    """Odd differences of the embedding of one text, unweighted: Σ has no part in them.

    Parameters
    ----------
    reading
        The encoder.
    ids
        Token ids of the text; the state at the reading's position is displaced.
    layer
        "After block i", counted from 0.
    vectors
        (k, d); none for the Jacobian and the rounding alone.
    strengths
        s of them.
    seed
        Of the steps that measure rounding.

    Returns
    -------
    dict
        ``jacobian`` (m, d) at the encoder's own state; ``odd`` (k, s, m) half differences;
        ``rounding`` (n, m) samples of what rounding adds to one evaluation. All float64.
    """
    there = reading.continuation(ids, layer)
    odd = np.zeros((len(vectors), len(strengths), len(there.output)))
    with torch.no_grad():
        for place, vector in enumerate(vectors):
            moved = there.state.new_tensor(np.outer(strengths, vector))
            up, down = there(there.state + moved), there(there.state - moved)
            odd[place] = ((up.double() - down.double()) / 2).cpu().numpy()
    return {
        "jacobian": there.jacobian().double().cpu().numpy(),
        "odd": odd,
        "rounding": _rounding(there, seed),
    }


def _rounding(there: EncoderContinuation, seed: int) -> np.ndarray:
    """(n, m) from second differences along steps so short that curvature is below rounding."""
    steps = np.random.default_rng(seed).standard_normal((_DRAWS, there.width))
    size = float(torch.finfo(there.state.dtype).eps) ** 0.5 * float(there.state.norm())
    steps *= size / np.linalg.norm(steps, axis=1, keepdims=True)
    with torch.no_grad():
        first, second, third = (
            there(there.state + there.state.new_tensor(k * steps)).double() for k in range(3)
        )
    # The weights are 1, -2, 1, their squares add up to 6.
    return ((third - 2 * second + first) / 6**0.5).cpu().numpy()

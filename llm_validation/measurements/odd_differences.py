r"""What steering by +αv and by −αv do to all logits, beside the Jacobian that should explain it.

.. math:: \tfrac12 [F(h + \alpha v) - F(h - \alpha v)] = \alpha J v + O(\alpha^3)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_validation.inputs import states
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.measurements.logit_coordinates import logit_coordinates, rounding_noise
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    vectors: np.ndarray,
    strengths: list[float],
    seed: int,
) -> dict[str, Any]:
    """Odd differences of all logits of one prompt, in ``LogitCoordinates``.

    Parameters
    ----------
    model
        From ``load_model``, with logits linear in its final state.
    ids
        Token ids of the prompt; the state of its last token is displaced.
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
        ``jacobian`` (r, d) at the model's own state; ``odd`` (k, s, r) half differences;
        ``rounding`` (n, r) samples of what rounding adds to the coordinates of one evaluation. All
        float64.
    """
    coordinates = logit_coordinates(model)
    there = kept_continuation(model, ids, layer)
    coordinates.require_linear(there)
    odd = np.zeros((len(vectors), len(strengths), len(coordinates.root)))
    with torch.no_grad():
        rows = states(decoder_of(model), vectors, "vectors") if len(vectors) else []
        for place, vector in enumerate(rows):
            moved = vector.new_tensor(strengths)[:, None] * vector
            up, down = there(there.state + moved), there(there.state - moved)
            odd[place] = coordinates.of_logits((up.double() - down.double()) / 2)
    return {
        "jacobian": coordinates.jacobian(there),
        "odd": odd,
        "rounding": rounding_noise(there, coordinates, seed),
    }

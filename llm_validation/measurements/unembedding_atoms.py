"""Directions that single tokens are read off along: atoms of a dictionary of steering vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of


def measure(model: LanguageModel, *, tokens: list[int]) -> dict[str, Any]:
    """Unit rows of the head.

    Parameters
    ----------
    model
        Its head must read states as wide as the residual stream.
    tokens
        K ids.

    Returns
    -------
    dict
        ``atoms`` (d, K) float64, columns of length 1.

    Raises
    ------
    InvalidInput
        If the head reads something narrower than the residual stream.
    """
    decoder = decoder_of(model)
    rows = decoder.head.weight.detach()[tokens].double().cpu().numpy()
    if rows.shape[1] != decoder.width:
        raise InvalidInput(
            f"the head must read states of width {decoder.width}, it reads {rows.shape[1]}; its "
            "rows are no directions of this residual stream"
        )
    return {"atoms": np.ascontiguousarray((rows / np.linalg.norm(rows, axis=1)[:, None]).T)}

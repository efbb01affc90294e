"""Residual stream at the last token of prompts: what vectors are extracted from."""

from __future__ import annotations

from typing import Any

import torch

from llm_validation.batches import pad
from llm_validation.hooks import read_states
from llm_validation.models import LanguageModel


def measure(model: LanguageModel, *, prompts: list[list[int]], layers: list[int]) -> dict[str, Any]:
    """States of n prompts, run as one batch.

    Parameters
    ----------
    model
        From ``load_model``.
    prompts
        Token ids of each.
    layers
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``states`` (n, layers, d) float64.
    """
    batch = pad(model, prompts)
    found = [batch.last(at) for at in read_states(model, batch, layers)]
    return {"states": torch.stack(found, dim=1).double().cpu().numpy()}

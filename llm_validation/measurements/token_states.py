"""Residual stream at many tokens of prompts: what the law of states is estimated from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.batches import pad
from llm_validation.hooks import read_states
from llm_validation.models import LanguageModel


def measure(
    model: LanguageModel,
    *,
    prompts: list[list[int]],
    layers: list[int],
    first: list[int],
    last: int,
    tokens: int,
    seed: int,
) -> dict[str, Any]:
    """States at a random choice of tokens of n prompts, run as one batch.

    Parameters
    ----------
    model
        From ``load_model``.
    prompts
        Token ids of each.
    layers
        "After block i", counted from 0.
    first
        Tokens left out at the beginning of each prompt: as far as two prompts are the same, so are
        their states.
    last
        Tokens left out at the end of every prompt, such as those of a chat template.
    tokens
        At most so many are chosen of the rest of a prompt, without replacement.
    seed
        Of the choice.

    Returns
    -------
    dict
        ``states`` (m, layers, d) in the model's dtype, in the order of the text; ``prompt`` (m,)
        the number of each one's prompt.

    Raises
    ------
    InvalidInput
        If nothing of a prompt is left to choose from, or ``first`` does not fit the prompts.
    """
    batch = pad(model, prompts)
    found = read_states(model, batch, layers)  # (layers, n, T, d)
    rng = np.random.default_rng(seed)
    states, owners = [], []
    rows = batch.rows(found.permute(1, 2, 0, 3))
    if len(first) != len(rows):
        raise InvalidInput(
            f"first must have one number for each of the {len(rows)} prompts, got {len(first)}"
        )
    for number, (row, start) in enumerate(zip(rows, first, strict=True)):
        left = np.arange(start, len(row) - last)
        if left.size == 0:
            raise InvalidInput(
                f"a prompt must have more than first + last = {start + last} tokens, got "
                f"{len(row)}; leave the prompt out"
            )
        chosen = np.sort(rng.permutation(left)[:tokens])
        states.append(row[torch.from_numpy(chosen).to(row.device)])
        owners += [number] * len(chosen)
    return {"states": torch.cat(states).cpu().numpy(), "prompt": np.array(owners)}

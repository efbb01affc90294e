"""Residual stream of an encoder: where claims displace it, and at many tokens of texts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.encoder_structure import Encoder, encoder_of
from llm_validation.hooks import edit_output
from llm_validation.inputs import token_ids
from llm_validation.measurements.encoder_context import GaussianEncoder
from llm_validation.precision import true_precision


def measure(
    reading: GaussianEncoder, *, prompts: list[list[int]], layers: list[int]
) -> dict[str, Any]:
    """States of n texts at the reading's position.

    Parameters
    ----------
    reading
        The encoder.
    prompts
        Token ids of each text; each runs alone, so that nothing is padded.
    layers
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``states`` (n, layers, d) float64.
    """
    encoder = encoder_of(reading.encoder)
    found = [states_of(encoder, ids, layers)[:, reading.position] for ids in prompts]
    return {"states": torch.stack(found).double().cpu().numpy()}


def tokens(
    reading: GaussianEncoder,
    *,
    prompts: list[list[int]],
    layers: list[int],
    first: list[int],
    last: int,
    tokens: int,
    seed: int,
) -> dict[str, Any]:
    """States at a random choice of tokens of n texts.

    Parameters
    ----------
    reading, prompts, layers
        As ``measure``.
    first
        Tokens left out at the beginning of each text.
    last
        Tokens left out at the end of every text, such as the one that marks it.
    tokens
        At most so many are chosen of the rest of a text, without replacement.
    seed
        Of the choice.

    Returns
    -------
    dict
        ``states`` (k, layers, d) in the encoder's dtype, in the order of the texts; ``prompt``
        (k,) the number of each one's text.

    Raises
    ------
    InvalidInput
        If nothing of a text is left to choose from.
    """
    encoder, rng = encoder_of(reading.encoder), np.random.default_rng(seed)
    states, owners = [], []
    for number, (ids, start) in enumerate(zip(prompts, first, strict=True)):
        left = np.arange(start, len(ids) - last)
        if left.size == 0:
            raise InvalidInput(
                f"a text must have more than first + last = {start + last} tokens, got {len(ids)}; "
                "leave the text out"
            )
        chosen = torch.from_numpy(np.sort(rng.permutation(left)[:tokens]))
        states.append(states_of(encoder, ids, layers)[:, chosen].swapaxes(0, 1))
        owners += [number] * len(chosen)
    return {"states": torch.cat(states).cpu().numpy(), "prompt": np.array(owners)}


def states_of(encoder: Encoder, ids: Sequence[int], layers: Sequence[int]) -> torch.Tensor:
    """(layers, T, d) of one text, in the encoder's dtype."""
    parts: Any = encoder  # has what token ids are checked against
    found: dict[int, torch.Tensor] = {}

    def keep(layer: int, hidden: torch.Tensor) -> torch.Tensor:
        found[layer] = hidden[0]
        return hidden

    with ExitStack() as scope:
        scope.enter_context(torch.no_grad())
        scope.enter_context(true_precision(encoder.model))
        for layer in layers:
            block = encoder.blocks[encoder.layer_index(layer)]
            scope.enter_context(edit_output(block, lambda hidden, at=layer: keep(at, hidden)))
        encoder.model(input_ids=token_ids(parts, ids))
    return torch.stack([found[layer] for layer in layers])

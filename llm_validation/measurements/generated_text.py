"""What the model writes while it is steered, and how odd the unsteered model finds it."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from identifiability.errors import InvalidInput
from llm_validation.hooks import edit_output
from llm_validation.inputs import states, token_ids
from llm_validation.models import LanguageModel
from llm_validation.precision import true_precision
from llm_validation.prefix import keys_and_values, last_tokens_only
from llm_validation.structure import Decoder, decoder_of

_ROWS_AT_ONCE = 32


def measure(
    model: LanguageModel,
    *,
    prompt_ids: list[int],
    layer: int,
    displacements: np.ndarray,
    max_tokens: int = 40,
    temperature: float = 0.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Completions of one prompt, one under each displacement.

    The displacement is added at the last prompt token and at every token after it, as in
    ``completion_log_likelihoods``. Sampling is the Gumbel maximum (arXiv 1411.0030) with the same
    noise for every displacement: a row is what it is alone, arms are compared with common random
    numbers, and another seed is another sample.

    Parameters
    ----------
    model
        From ``load_model``.
    prompt_ids
        Token ids up to where the model's answer would begin.
    layer
        "After block i", counted from 0.
    displacements
        (k, d) added to the residual stream; a row of zeros is the unsteered model.
    max_tokens
        Where a completion that has not ended is cut.
    temperature
        0 takes the likeliest token, 1 samples from the model's own distribution.
    seed
        Of the noise; without effect at temperature 0.

    Returns
    -------
    dict
        ``texts`` and ``token_ids``, k each, the ids with the token that ends the text where it
        came; ``perplexity`` (k,), exp of the mean -log p of those tokens under the unsteered model.

    Raises
    ------
    InvalidInput
        If the ids, the layer or the displacements do not fit the model, the prompt leaves no room
        for ``max_tokens``, or the temperature is negative.
    """
    decoder = decoder_of(model)
    if not (isinstance(temperature, int | float) and 0 <= temperature < math.inf):
        raise InvalidInput(f"temperature must be a finite number from 0 up, got {temperature!r}")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise InvalidInput(f"max_tokens must be an integer from 1 up, got {max_tokens!r}")
    prompt = token_ids(decoder, prompt_ids)
    if decoder.context is not None and prompt.shape[1] + max_tokens > decoder.context:
        raise InvalidInput(
            f"prompt and completion must fit the context of {decoder.context} tokens, got "
            f"{prompt.shape[1]} and up to {max_tokens} more; shorten the prompt or ask for fewer"
        )
    index = decoder.layer_index(layer)
    rows = states(decoder, displacements, "displacements").reshape(-1, decoder.width)
    ends = _end_tokens(model)
    with torch.no_grad(), true_precision(decoder.model):
        cache = keys_and_values(decoder, prompt[:, :-1])
        written: list[list[int]] = []
        for chunk in rows.split(_ROWS_AT_ONCE):
            noise = None if temperature == 0 else torch.Generator().manual_seed(seed)
            ids = _write(decoder, prompt, index, chunk, cache, ends, max_tokens, temperature, noise)
            written.extend(_until_end(row, ends) for row in ids.tolist())
        different = {tuple(ids) for ids in written}
        surprise = {ids: _perplexity(decoder, prompt, ids) for ids in different}
    return {
        "texts": [model.tokenizer.decode(ids, skip_special_tokens=True) for ids in written],
        "token_ids": written,
        "perplexity": np.array([surprise[tuple(ids)] for ids in written]),
    }


def _write(
    decoder: Decoder,
    prompt: torch.Tensor,
    layer: int,
    rows: torch.Tensor,
    prefix: DynamicCache,
    ends: list[int],
    max_tokens: int,
    temperature: float,
    noise: torch.Generator | None,
) -> torch.Tensor:
    """(B, n) token ids; what follows a token that ends the text means nothing."""
    cache = copy.deepcopy(prefix)
    if prompt.shape[1] > 1:
        cache.batch_repeat_interleave(len(rows))
    token = prompt[:, -1:].expand(len(rows), -1)
    ending = torch.tensor(ends, device=token.device)
    over = torch.zeros(len(rows), dtype=torch.bool, device=token.device)
    tokens: list[torch.Tensor] = []

    # Every token that goes through from here on is steered: the last of the prompt comes first.
    def add(hidden: torch.Tensor) -> torch.Tensor:
        return hidden + rows[:, None].to(hidden)

    with edit_output(decoder.blocks[layer], add):
        while len(tokens) < max_tokens and not over.all():
            run = decoder.model(input_ids=token, past_key_values=cache, use_cache=True)
            scores = run.logits[:, -1].double()
            if noise is not None:
                draws = torch.empty(scores.shape[-1], dtype=torch.float64)
                scores = scores / temperature - draws.exponential_(generator=noise).log().to(scores)
            token = scores.argmax(-1, keepdim=True)
            tokens.append(token)
            over |= torch.isin(token[:, 0], ending)
    return torch.cat(tokens, dim=1)


def _until_end(ids: list[int], ends: list[int]) -> list[int]:
    """Up to and with the first token that ends the text."""
    last = next((place for place, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: last + 1]


def _perplexity(decoder: Decoder, prompt: torch.Tensor, ids: tuple[int, ...]) -> float:
    """exp(-mean log p) of the tokens under the model as it is."""
    given = torch.tensor(ids, device=prompt.device)
    read = torch.cat([prompt, given[None, :-1]], dim=1)
    with last_tokens_only(decoder.head, len(ids)):
        logits = decoder.model(input_ids=read, use_cache=False).logits[0].double()
    chosen = torch.log_softmax(logits, -1).gather(-1, given[:, None])
    return float(torch.exp(-chosen.mean()))


def _end_tokens(model: LanguageModel) -> list[int]:
    """Tokens that end a text, as the model's own generation settings have them."""
    settings = model.model.generation_config
    named = settings.eos_token_id if settings is not None else None
    if named is None:
        named = model.tokenizer.eos_token_id
    return list(named) if isinstance(named, list | tuple) else [] if named is None else [named]

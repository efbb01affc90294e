"""The tokens before the one of interest: run once, then keys and values that never change."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicCache

from identifiability.errors import InvalidInput
from llm_validation.precision import true_precision
from llm_validation.structure import Decoder


def keys_and_values(decoder: Decoder, ids: torch.Tensor) -> DynamicCache:
    """A cache of the model's own after the tokens (1, P) of a prompt's beginning; P may be 0."""
    cache = DynamicCache(config=decoder.model.config.get_text_config(decoder=True))
    if ids.shape[1]:
        with torch.no_grad(), true_precision(decoder.model), last_tokens_only(decoder.head, 1):
            decoder.model(input_ids=ids, past_key_values=cache, use_cache=True)
    return cache


class ConstantPrefix:
    """Keys and values of the first tokens of a prompt, in every block.

    Parameters
    ----------
    decoder
        The model and where its parts are.
    ids
        (1, P) token ids of the prefix; P may be 0.
    layer
        The block, counted from 0, after which states will be replaced.

    Attributes
    ----------
    broadcasts : bool
        Whether the blocks after the layer take one row of everything they receive for a whole
        batch, so that the blocks up to the layer need to run one row only.

    Raises
    ------
    InvalidInput
        If a block keeps no keys and values.
    """

    def __init__(self, decoder: Decoder, ids: torch.Tensor, layer: int) -> None:
        self._layer, self.length = layer, ids.shape[1]
        self.broadcasts = self._run(decoder, ids) and self.length > 0

    def joined_by(self, batch: int) -> DynamicCache:
        """A cache to run a batch of suffixes with, which leaves this prefix as it is."""
        cache = copy.copy(self._cache)
        layers: list[Any] = [copy.copy(layer) for layer in self._cache.layers]
        cache.layers = layers
        if self.length:
            for layer in layers[self._layer + 1 if self.broadcasts else 0 :]:
                layer.keys = layer.keys.expand(batch, -1, -1, -1)
                layer.values = layer.values.expand(batch, -1, -1, -1)
        for layer in layers:
            layer.update = _remembering(layer.update)
        return cache

    def _run(self, decoder: Decoder, ids: torch.Tensor) -> bool:
        broadcasts: list[bool] = [True]

        def look(_block: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            # Falcon reshapes its ALiBi bias by the batch, so that one row is no stand-in for many.
            alibi = named.get("alibi") is not None
            broadcasts.append(not alibi and batch_of_one([*inputs[1:], *named.values()]))

        following = decoder.blocks[self._layer + 1 : self._layer + 2]
        handles = [block.register_forward_pre_hook(look, with_kwargs=True) for block in following]
        try:
            self._cache = keys_and_values(decoder, ids)
        finally:
            for handle in handles:
                handle.remove()
        for layer in self._cache.layers if self.length else ():
            if not isinstance(getattr(layer, "keys", None), torch.Tensor):
                raise InvalidInput(
                    f"{type(decoder.model).__name__} has a block that keeps no keys and values "
                    f"({type(layer).__name__}), expected attention in every block; "
                    "state-space models are not supported"
                )
        return all(broadcasts)


@contextmanager
def last_tokens_only(
    head: nn.Module, count: int, read: Callable[[torch.Tensor], None] | None = None
) -> Iterator[None]:
    """While entered, the head gets (and ``read`` sees) the last ``count`` tokens' states alone."""

    def trim(_head: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        last = inputs[0][:, -count:]
        if read is not None:
            read(last)
        return (last, *inputs[1:])

    handle = head.register_forward_pre_hook(trim)
    try:
        yield
    finally:
        handle.remove()


def batch_of_one(received: list[Any]) -> bool:
    """Whether every tensor in it has a leading axis of one, so that it broadcasts over a batch."""
    parts = list(received)
    for part in parts:
        if isinstance(part, list | tuple):
            parts.extend(part)
        elif isinstance(part, torch.Tensor) and part.ndim > 1 and len(part) != 1:
            return False
    return True


def _remembering(update: Callable[..., Any]) -> Callable[..., Any]:
    """A cache's update that leaves the new tokens' own keys and values on what it returns."""

    def remembering(keys: Any, values: Any, *args: Any, **named: Any) -> Any:
        all_keys, all_values = update(keys, values, *args, **named)
        all_keys.own, all_values.own = keys, values
        return all_keys, all_values

    return remembering

"""Continuations that several cells of a process share: building one takes three passes of a model.

On SmolLM2 that is half of a second or more, as long as fifty displacements take afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from weakref import WeakKeyDictionary

from llm_validation.continuation import Continuation
from llm_validation.models import LanguageModel

AT_MOST = 40
"""Of each model, the last used: as many prompts as a cell takes together. One holds the keys and
values of its prompt, 2.3 MB at 50 tokens of SmolLM2, and logits."""

_KEPT: WeakKeyDictionary[LanguageModel, Callable[..., Continuation]] = WeakKeyDictionary()


def kept_continuation(model: LanguageModel, ids: Sequence[int], layer: int) -> Continuation:
    """``Continuation(model, ids, layer)``, the same one as long as it is kept.

    For cells, whose prompts are lists of integers and whose model nothing changes: hooks and
    weights have to be those that it was built with, and nothing looks whether they are.
    """
    kept = _KEPT.get(model)
    if kept is None:
        # Of the network: a value that held its own key would never be let go.
        kept = _KEPT[model] = lru_cache(AT_MOST)(partial(Continuation, model.model))
    return kept(tuple(ids), layer)

"""Which positions of a forward pass are meant by a name or by a mask.

``"all"`` is every position of every pass. The other names tell the prompt from what is generated
after it, so each pass of the model is looked at before its blocks run: the first pass brings the
prompt; a later one generates if it has a cache, or if its tokens begin with those of the prompt
(generation without a cache); any other pass is a new prompt. "Last" is the last token that is no
padding, whichever side the padding is on.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

from identifiability.errors import InvalidInput

NAMES = ("all", "prompt", "last", "generated")
_EXPECTED = (
    'positions must be "all", "prompt", "last", "generated", a tuple of these, '
    "or a boolean mask (T,) or (batch, T) over the prompt"
)


class Positions:
    """The positions that a name, several names or a mask stand for, pass by pass.

    Parameters
    ----------
    model
        The Hugging Face model whose passes are looked at.
    wanted
        A name of ``NAMES``, a tuple of them (their union), or a boolean mask (T,) or (batch, T)
        over the prompt.
    context
        The most tokens that a pass may bring and have behind it; no limit by default.

    Raises
    ------
    InvalidInput
        If ``wanted`` is none of these.
    """

    def __init__(self, model: Any, wanted: Any, context: int | None = None) -> None:
        self._model, self._context = model, context
        self._names, self._mask = _parsed(wanted)
        self._prompt: torch.Tensor | None = None
        self._meant: torch.Tensor | None = None

    @property
    def everywhere(self) -> bool:
        """Whether they are every position of every pass, whatever its prompt."""
        return "all" in self._names

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While entered, the passes of the model are looked at, and ``followed_on`` names them."""
        _FOLLOWED[self._model] = (*followed_on(self._model), self)
        try:
            with self._looking():
                yield
        finally:
            left = (one for one in followed_on(self._model) if one is not self)
            _FOLLOWED[self._model] = tuple(left)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        if self.everywhere and self._context is None:
            yield
            return
        order = list(inspect.signature(self._model.forward).parameters)

        def look(_model: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            given = {**dict(zip(order, inputs, strict=False)), **named}
            tokens = given.get("input_ids")
            tokens = given.get("inputs_embeds") if tokens is None else tokens
            if tokens is None:
                raise InvalidInput(
                    "a pass that is steered must bring input_ids or inputs_embeds, got neither"
                )
            cache = given.get("past_key_values")
            past = 0 if cache is None else int(cache.get_seq_length())
            self._check_length(tokens, past)
            if not self.everywhere:
                self._meant = self._in_pass(tokens, past, given.get("attention_mask"))

        def forget(*_pass: Any) -> None:
            self._meant = None

        before = self._model.register_forward_pre_hook(look, with_kwargs=True)
        after = self._model.register_forward_hook(forget, always_call=True)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def of(self, hidden: torch.Tensor) -> torch.Tensor:
        """Mask (1 or batch, T) of the positions meant, for hidden states (batch, T, d).

        Raises
        ------
        InvalidInput
            If a mask has another number of rows, or a part of the model is called by itself.
        """
        if self.everywhere:
            return torch.ones(1, hidden.shape[1], dtype=torch.bool, device=hidden.device)
        if self._meant is None:
            raise InvalidInput(
                'only positions="all" can be steered when a part of a model is called by itself; '
                "call the whole model"
            )
        if len(self._meant) not in (1, len(hidden)):
            raise InvalidInput(
                f"the mask has {len(self._meant)} rows, the forward pass has {len(hidden)}; "
                "make one row for each, or a single one"
            )
        return self._meant.to(hidden.device)

    def _check_length(self, tokens: torch.Tensor, past: int) -> None:
        """Refuse what some models answer with an index error, and others with nonsense."""
        if self._context and past + tokens.shape[1] > self._context:
            raise InvalidInput(
                f"prompt and what follows it must fit the context of {self._context} tokens, "
                f"got {past + tokens.shape[1]}; shorten it"
            )

    def _in_pass(self, tokens: torch.Tensor, past: int, attention_mask: Any) -> torch.Tensor:
        """Mask (1 or batch, T) for a pass of these tokens (batch, T), ids or embeddings."""
        length = tokens.shape[1]
        new = self._new_prompt_tokens(tokens, past)
        column = torch.arange(length, device=tokens.device)[None]
        if self._mask is not None:
            return self._mask_over(new, length).to(tokens.device)
        meant = torch.zeros_like(column, dtype=torch.bool)
        if "prompt" in self._names:
            meant = meant | (column < new)
        if "generated" in self._names:
            meant = meant | (column >= new)
        if "last" in self._names and new:
            meant = meant | (column == _last_real(attention_mask, new, length, past))
        return meant

    def _new_prompt_tokens(self, tokens: torch.Tensor, past: int) -> int:
        """How many leading columns of this pass belong to the prompt."""
        prompt = self._prompt
        if prompt is not None:
            if past:
                return 0
            length = prompt.shape[1]
            if tokens.shape[1] > length and torch.equal(tokens[:, :length], prompt):
                return length
        self._prompt = tokens
        return tokens.shape[1]

    def _mask_over(self, new: int, length: int) -> torch.Tensor:
        """The mask where the prompt is, False where tokens are generated."""
        assert self._mask is not None
        if new == 0:
            return torch.zeros(1, length, dtype=torch.bool)
        if self._mask.shape[1] != new:
            raise InvalidInput(
                f"the mask covers {self._mask.shape[1]} positions, the prompt has {new}; "
                "make one for this prompt"
            )
        return torch.nn.functional.pad(self._mask, (0, length - new))


# In a registry, because those of "all" put no hook on the model that could be found there.
_FOLLOWED: WeakKeyDictionary[Any, tuple[Positions, ...]] = WeakKeyDictionary()


def followed_on(model: Any) -> tuple[Positions, ...]:
    """The positions that are being followed on this model, in the order of entering."""
    return _FOLLOWED.get(model, ())


def _parsed(wanted: Any) -> tuple[frozenset[str], torch.Tensor | None]:
    """Names, or a mask (1 or batch, T)."""
    names = (wanted,) if isinstance(wanted, str) else wanted
    if isinstance(names, list | tuple | set | frozenset) and any(
        isinstance(name, str) for name in names
    ):
        if not all(name in NAMES for name in names):
            raise InvalidInput(f"{_EXPECTED}, got {wanted!r}")
        return frozenset(names), None
    try:
        mask = torch.as_tensor(wanted)
    except (TypeError, ValueError, RuntimeError):  # torch's three answers to what is no array
        raise InvalidInput(f"{_EXPECTED}, got {type(wanted).__name__}") from None
    if mask.dtype != torch.bool or mask.ndim not in (1, 2) or mask.numel() == 0:
        raise InvalidInput(f"{_EXPECTED}, got {mask.dtype} of shape {tuple(mask.shape)}")
    return frozenset(), mask.reshape(-1, mask.shape[-1])


def _last_real(mask: Any, new: int, length: int, past: int) -> torch.Tensor | int:
    """Column of the last prompt token, (batch, 1) or one number for all rows.

    In a pass of ``length`` columns after ``past`` in the cache, the first ``new`` of the prompt.
    """
    if isinstance(mask, dict):  # one mask for each kind of block, all of the same padding
        mask = next(iter(mask.values()))
    if mask is None:
        return new - 1
    if not isinstance(mask, torch.Tensor) or mask.ndim not in (2, 4):
        raise InvalidInput(
            'attention_mask must be (batch, T) or (batch, 1, T, keys) to find the "last" token, '
            f"got {type(mask).__name__}; pass positions as a mask instead"
        )
    if mask.ndim == 2:
        real = mask[:, past : past + length].bool()
    else:
        # Padding is what does not even see itself. A boolean mask says what is seen, one of numbers
        # is added to the scores.
        seen = mask[:, 0] if mask.dtype == torch.bool else mask[:, 0] == 0
        real = seen.diagonal(past, 1, 2)
    return new - 1 - real[:, :new].flip(1).long().argmax(1, keepdim=True)

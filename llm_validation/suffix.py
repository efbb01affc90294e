"""Run the end of any decoder's forward pass, from the state after one block at one position.

The tokens before the position go through the model once and leave their keys and values in a cache.
After that every pass is the model's own forward on the tokens from the position on, with a copy of
that cache and a hook that puts the given states in place of the block's output. No architecture is
spelled out: sliding windows, grouped keys, parallel blocks, tied heads and what follows the head
are the model's own code. What cannot be reproduced this way is found by a check at construction.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import DynamicCache

from identifiability.errors import InvalidInput
from llm_validation.attention import NAME, attention
from llm_validation.hooks import Halt, edit_output, frozen, last_token_only
from llm_validation.precision import true_precision
from llm_validation.structure import Decoder

# Relative to the largest logit. Rounding through 30 blocks gives 1e-6 in float32 and 1e-15 in true
# float64: room for models a hundred times worse, none for a block or a head that is not reproduced.
# Half precision rounds at 4e-3 in every step.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
_TOLERANCE_HALF = 5e-2


class Pass(NamedTuple):
    """One pass of a batch of B states, for derivatives.

    ``final`` (B, d_final) is what the head reads, with its graph back to the states. ``head``
    (B, 1, V) is what the head returns, a leaf; ``logits`` (B, V) has its graph back to that leaf.
    """

    final: torch.Tensor
    head: torch.Tensor
    logits: torch.Tensor


class Suffix:
    """The forward pass of one prompt from one position on, after one block.

    Parameters
    ----------
    decoder
        The model and where its parts are.
    ids
        (1, T) token ids.
    layer, position
        Both counted from 0; the state after that block, at that position, is the input.

    Attributes
    ----------
    state, logits : torch.Tensor
        (d,) and (V,): the model's own, from a forward pass of the whole prompt.
    length : int
        Tokens in the suffix, T - position.

    Raises
    ------
    InvalidInput
        If a block keeps no keys and values, or the suffix does not give the model's own logits.
    """

    def __init__(self, decoder: Decoder, ids: torch.Tensor, layer: int, position: int) -> None:
        self._model, self._head, self._blocks = decoder.model, decoder.head, decoder.blocks
        self._config = decoder.model.config.get_text_config(decoder=True)
        self._layer, self._position = layer, position
        self._ids = ids[:, position:]
        self.length = self._ids.shape[1]
        self._prefix, self._broadcasts = self._run_prefix(ids[:, :position])
        self.state, probe, expected = self._run_whole(ids)
        self.logits = expected[0]
        self._attention = NAME
        self._choose_attention(torch.stack([self.state, probe]), expected)

    def to_logits(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) after the last token, for states (B, d)."""
        return self._run(rows)[:, -1]

    def to_final_state(self, rows: torch.Tensor) -> torch.Tensor:
        """What the head reads after the last token, (B, d_final); the head does not run."""
        found: list[torch.Tensor] = []

        def stop(inputs: torch.Tensor) -> None:
            found.append(inputs[:, -1])
            raise Halt

        with suppress(Halt):
            self._run(rows, stop)
        return found[0]

    def for_derivatives(self, rows: torch.Tensor) -> Pass:
        """A pass cut at the head: graphs from states to final state, and from head to logits."""
        final: list[torch.Tensor] = []
        head: list[torch.Tensor] = []

        def cut(output: torch.Tensor) -> torch.Tensor:
            head.append(output.detach().requires_grad_())
            return head[0]

        with torch.enable_grad(), edit_output(self._head, cut):
            logits = self._run(rows, lambda inputs: final.append(inputs[:, -1]))
        return Pass(final[0], head[0], logits[:, -1])

    def _run(
        self, rows: torch.Tensor, read: Callable[[torch.Tensor], None] | None = None
    ) -> torch.Tensor:
        batch = len(rows)
        # Blocks up to the layer give the same for every row: one row of them is enough, unless
        # something that the later blocks receive is laid out for the whole batch.
        ids = self._ids if self._broadcasts else self._ids.expand(batch, -1)
        cache = copy.copy(self._prefix)
        layers: list[Any] = [copy.copy(layer) for layer in self._prefix.layers]
        cache.layers = layers
        if self._position:
            for layer in layers[self._layer + 1 if self._broadcasts else 0 :]:
                layer.keys = layer.keys.expand(batch, -1, -1, -1)
                layer.values = layer.values.expand(batch, -1, -1, -1)
        with (
            true_precision(self._model),
            attention(self._config, self._attention),
            frozen(self._model),
            edit_output(self._blocks[self._layer], lambda hidden: _replaced(hidden, 0, rows)),
            last_token_only(self._head, read),
        ):
            return self._model(input_ids=ids, past_key_values=cache, use_cache=True).logits

    def _run_prefix(self, ids: torch.Tensor) -> tuple[DynamicCache, bool]:
        """The cache after the prefix, and whether later blocks take one row for a whole batch."""
        cache = DynamicCache(config=self._config)
        if ids.shape[1] == 0:
            return cache, False
        broadcasts: list[bool] = [True]

        def look(_block: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            # Falcon reshapes its ALiBi bias by the batch, so that one row is no stand-in for many.
            alibi = named.get("alibi") is not None
            broadcasts.append(not alibi and _batch_of_one([*inputs[1:], *named.values()]))

        following = self._blocks[self._layer + 1 : self._layer + 2]
        handles = [block.register_forward_pre_hook(look, with_kwargs=True) for block in following]
        try:
            with torch.no_grad(), true_precision(self._model), last_token_only(self._head):
                self._model(input_ids=ids, past_key_values=cache, use_cache=True)
        finally:
            for handle in handles:
                handle.remove()
        for layer in cache.layers:
            if not isinstance(getattr(layer, "keys", None), torch.Tensor):
                raise InvalidInput(
                    f"{type(self._model).__name__} has a block that keeps no keys and values "
                    f"({type(layer).__name__}), expected attention in every block; "
                    "state-space models are not supported"
                )
        return cache, all(broadcasts)

    def _run_whole(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """State, a state near it, and the logits (2, V) of both, by the model as it is."""
        found: list[torch.Tensor] = []

        def record_and_displace(hidden: torch.Tensor) -> torch.Tensor:
            state = hidden[0, self._position]
            noise = torch.randn(len(state), generator=torch.Generator().manual_seed(0)).to(state)
            found.extend([state, state + 0.1 * state.norm() * noise / noise.norm()])
            return _replaced(hidden, self._position, torch.stack(found))

        with (
            torch.no_grad(),
            true_precision(self._model),
            edit_output(self._blocks[self._layer], record_and_displace),
            last_token_only(self._head),
        ):
            logits = self._model(input_ids=ids.expand(2, -1), use_cache=False).logits
        if not found:
            raise InvalidInput(
                f"{type(self._model).__name__} does not call its blocks one by one, expected a "
                "forward pass through each; this architecture is not supported"
            )
        return found[0].clone(), found[1], logits[:, -1].clone()

    def _choose_attention(self, rows: torch.Tensor, expected: torch.Tensor) -> None:
        """The quick attention if it gives the model's own logits, else the model's own.

        Raises
        ------
        InvalidInput
            If neither does, or if what follows the head is not entry by entry.
        """
        tolerance = _TOLERANCE.get(rows.dtype, _TOLERANCE_HALF)
        for name in (NAME, self._config._attn_implementation):
            self._attention = name
            run = self.for_derivatives(rows)
            error = float((run.logits.detach() - expected).abs().max() / expected.abs().max())
            if error <= tolerance:
                _check_entrywise(run, tolerance)
                return
        raise InvalidInput(
            f"{type(self._model).__name__} does not give its own logits again when it is run from "
            f"block {self._layer} on (relative difference {error:.0e}, expected below "
            f"{tolerance:.0e}); this architecture is not supported"
        )


def _replaced(hidden: torch.Tensor, position: int, rows: torch.Tensor) -> torch.Tensor:
    """Hidden states (1 or B, T, d) with the rows (B, d) at one position, as a new tensor."""
    hidden = hidden.expand(len(rows), -1, -1)
    rows = rows[:, None].to(hidden)
    return torch.cat([hidden[:, :position], rows, hidden[:, position + 1 :]], dim=1)


def _batch_of_one(received: list[Any]) -> bool:
    """Whether every tensor in it has a leading axis of one, so that it broadcasts over a batch."""
    parts = list(received)
    for part in parts:
        if isinstance(part, list | tuple):
            parts.extend(part)
        elif isinstance(part, torch.Tensor) and part.ndim > 1 and len(part) != 1:
            return False
    return True


def _check_entrywise(run: Pass, tolerance: float) -> None:
    """What the model does after the head must act on each logit alone, as the Fisher assumes."""
    (slope,) = torch.autograd.grad(run.logits.sum(), run.head, retain_graph=True)
    signs = torch.linspace(0, 99, run.logits.shape[-1]).sin().sign().to(run.logits)
    (signed,) = torch.autograd.grad((run.logits * signs).sum(), run.head)
    if (signed - slope * signs).abs().max() > tolerance * slope.abs().max():
        raise InvalidInput(
            "the model mixes its logits after the head, expected a function of each logit alone "
            "(soft-capping, scaling); the Fisher metric of this head is not supported"
        )

"""Run the end of any decoder's forward pass, from the states after one block at some positions.

The tokens before the position go through the model once and leave their keys and values in a cache.
After that every pass is the model's own forward on the tokens from the position on, with a copy of
that cache and a hook that puts given states in place of the block's output, or adds to it. No
architecture is spelled out: sliding windows, grouped keys, parallel blocks, tied heads and what
follows the head are the model's own code. What cannot be reproduced this way is found by a check at
construction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import torch

from identifiability.errors import InvalidInput
from llm_validation.attention import NAME, attention
from llm_validation.hooks import Halt, edit_output, frozen
from llm_validation.memory import AllocatedBytes, one_row
from llm_validation.positions import Positions, followed_on
from llm_validation.precision import true_precision
from llm_validation.prefix import ConstantPrefix, last_tokens_only
from llm_validation.structure import Decoder

# Relative to the largest logit. Rounding through 30 blocks gives 1e-6 in float32 and 1e-15 in true
# float64: room for models a hundred times worse, none for a block or a head that is not reproduced.
# Half precision rounds at 4e-3 in every step.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
_TOLERANCE_HALF = 5e-2
_FLOAT64_COPIES = 8  # of all that a divergence makes of a row, were none of it freed on the way


class Pass(NamedTuple):
    """One pass of a batch of B states, for derivatives.

    ``final`` (B, n, d_final) is what the head reads, with its graph back to the states. ``head``
    (B, n, V) is what the head returns, a leaf; ``logits`` (B, n, V) has its graph to that leaf.
    """

    final: torch.Tensor
    head: torch.Tensor
    logits: torch.Tensor


class Suffix:
    """The forward pass of some tokens from one position on, after one block.

    Parameters
    ----------
    decoder
        The model and where its parts are.
    ids
        (1, T) token ids.
    layer, position
        Both counted from 0; the state after that block, at that position, is the input.
    outputs
        n, how many of the last tokens' outputs are read.
    shifted
        (T,) mask. If given the input is instead a displacement, added at each of these positions,
        of which ``position`` is the first.

    Attributes
    ----------
    state, logits : torch.Tensor
        (d,) and (n, V): of the model as it is.
    length : int
        Tokens in the suffix, T - position.
    bytes_per_row : float
        What a pass of one row makes, at most, with the float64 copies of the logits that a
        divergence takes (of few rows at a time: a bound).

    Raises
    ------
    InvalidInput
        If a block keeps no keys and values, the suffix does not give the model's own logits, or the
        model is being steered at other positions than "all", or otherwise than at construction;
        or if there is no memory for a single row.
    """

    def __init__(
        self,
        decoder: Decoder,
        ids: torch.Tensor,
        layer: int,
        position: int,
        *,
        outputs: int = 1,
        shifted: torch.Tensor | None = None,
    ) -> None:
        self._model, self._head, self._blocks = decoder.model, decoder.head, decoder.blocks
        self._config = decoder.model.config.get_text_config(decoder=True)
        self._steered = _steered_everywhere(self._model)
        self._layer, self._place, self._shifted = layer, position, shifted
        self.outputs = outputs
        self._ids = ids[:, position:]
        self.length = self._ids.shape[1]
        with one_row(ids.device):
            self._prefix = ConstantPrefix(decoder, ids[:, :position], layer)
            self.state, rows, expected = self._run_whole(ids)
            self._attention = NAME
            with AllocatedBytes() as made:
                self.logits = self._choose_attention(rows, expected)
        self.bytes_per_row = made.total / len(rows) + _FLOAT64_COPIES * 8 * self.logits.numel()

    def to_logits(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits (B, n, V) after the last n tokens, for rows (B, d)."""
        return self._run(rows)

    def to_final_state(self, rows: torch.Tensor) -> torch.Tensor:
        """What the head reads after the last n tokens, (B, n, d_final); the head does not run."""
        found: list[torch.Tensor] = []

        def stop(inputs: torch.Tensor) -> None:
            found.append(inputs)
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
            logits = self._run(rows, final.append)
        return Pass(final[0], head[0], logits)

    def _run(
        self, rows: torch.Tensor, read: Callable[[torch.Tensor], None] | None = None
    ) -> torch.Tensor:
        if _steered_everywhere(self._model) != self._steered:
            raise InvalidInput(
                "a continuation must be called under the steering that it was built under, which "
                "is part of its prefix; build it inside of that steer(...)"
            )
        # Blocks up to the layer give the same for every row: one row of them is enough, unless
        # something that the later blocks receive is laid out for the whole batch.
        ids = self._ids if self._prefix.broadcasts else self._ids.expand(len(rows), -1)
        cache = self._prefix.joined_by(len(rows))
        start = self._prefix.length
        with (
            true_precision(self._model),
            attention(self._config, self._attention),
            frozen(self._model),
            edit_output(self._blocks[self._layer], lambda hidden: self._edit(hidden, start, rows)),
            last_tokens_only(self._head, self.outputs, read),
        ):
            return self._model(input_ids=ids, past_key_values=cache, use_cache=True).logits

    def _edit(self, hidden: torch.Tensor, start: int, rows: torch.Tensor) -> torch.Tensor:
        """Hidden states (1 or B, T, d) of the tokens from ``start`` on with rows (B, d) put in."""
        hidden = hidden.expand(len(rows), -1, -1)
        rows = rows[:, None].to(hidden)
        if self._shifted is not None:
            return hidden + self._shifted[start:, None].to(hidden) * rows
        place = self._place - start
        return torch.cat([hidden[:, :place], rows, hidden[:, place + 1 :]], dim=1)

    def _run_whole(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """State, two rows (2, d) to try, and the logits (n, V) of the second by the whole model.

        The first row is what leaves the model as it is, the second is near it. Two, so that a model
        that mixes the rows of a batch is found.
        """
        found: list[torch.Tensor] = []

        def record_and_displace(hidden: torch.Tensor) -> torch.Tensor:
            state = hidden[0, self._place]
            noise = torch.randn(len(state), generator=torch.Generator().manual_seed(0)).to(state)
            own = state if self._shifted is None else torch.zeros_like(state)
            rows = torch.stack([own, own + 0.1 * state.norm() * noise / noise.norm()])
            # Blocks may lie on several devices; what comes from outside is on the model's.
            found.extend([state.to(self._model.device, copy=True), rows])
            return self._edit(hidden, 0, rows[1:])

        with (
            torch.no_grad(),
            true_precision(self._model),
            edit_output(self._blocks[self._layer], record_and_displace),
            last_tokens_only(self._head, self.outputs),
        ):
            logits = self._model(input_ids=ids, use_cache=False).logits
        if not found:
            raise InvalidInput(
                f"{type(self._model).__name__} does not call its blocks one by one, expected a "
                "forward pass through each; this architecture is not supported"
            )
        return found[0], found[1], logits[0].clone()

    def _choose_attention(self, rows: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
        """The quick attention if it gives the model's own logits, else the model's own.

        Returns the logits (n, V) of the first row, having compared those of the second.

        Raises
        ------
        InvalidInput
            If neither does, or if what follows the head is not entry by entry.
        """
        tolerance = _TOLERANCE.get(rows.dtype, _TOLERANCE_HALF)
        for name in (NAME, self._config._attn_implementation):
            self._attention = name
            run = self.for_derivatives(rows)
            own, near = run.logits.detach()
            error = float((near - expected).abs().max() / expected.abs().max())
            if error <= tolerance:
                _check_entrywise(run, tolerance)
                return own.clone()
        raise InvalidInput(
            f"{type(self._model).__name__} does not give its own logits again when it is run from "
            f"block {self._layer} on (relative difference {error:.0e}, expected below "
            f"{tolerance:.0e}); this architecture is not supported"
        )


def _steered_everywhere(model: object) -> tuple[Positions, ...]:
    """What steers the model, as long as it does so at all positions."""
    found = followed_on(model)
    if not all(positions.everywhere for positions in found):
        raise InvalidInput(
            "a continuation runs its prompt in parts, each of which steering at positions other "
            'than "all" would take for the prompt; build and call it outside of that steer(...)'
        )
    return found


def _check_entrywise(run: Pass, tolerance: float) -> None:
    """What the model does after the head must act on each logit alone, as the Fisher assumes."""
    (slope,) = torch.autograd.grad(run.logits.sum(), run.head, retain_graph=True)
    signs = torch.linspace(0, 99, run.logits.shape[-1]).sin().sign().to(run.logits)
    (signed,) = torch.autograd.grad((run.logits * signs).sum(), run.head)
    if (signed - slope * signs.to(slope.device)).abs().max() > tolerance * slope.abs().max():
        raise InvalidInput(
            "the model mixes its logits after the head, expected a function of each logit alone "
            "(soft-capping, scaling); the Fisher metric of this head is not supported"
        )

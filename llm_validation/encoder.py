r"""From the state after a block to the embedding: the rest of an encoder as a function of a vector.

For a text, a layer and a position, ``EncoderContinuation`` is the map

.. math:: F : \mathbb R^d \to \mathbb R^m, \qquad h \mapsto y

from the residual stream after that block, at that position, to the pooled embedding y of the text
(m = d). Attention looks both ways: a state acts on every token of every later block, so that there
is no prefix to reuse. What runs once is the blocks up to the layer.

What an embedding of unit length cannot show: |y| = 1 gives yᵀJ = 0, so that at one text the rank of
J is at most m − 1. With K the derivative of the pooled state z it is rank [K | z] − 1. After the
last block K is the identity over T, the null direction is z itself, and y does not change at any
amplitude that does not turn z round. Before it, a last LayerNorm with gains γ ≠ 0 and biases β
leaves pooled states on the hyperplane Σ (z − β)/γ = 0, and rank K is at most m − 1. With k ≥ 1
gains trained to zero there is no hyperplane: z = β where γ = 0, the other m − k coordinates are
free, and rank K is at most m − k. Where z lies outside the range of K, J has the rank of K; in
it, which needs β = 0 where γ = 0 (Σ β/γ = 0 if no gain is zero), J has one less. What is null at
one text a second one shows, as in ``theory.md`` N6c.

Post-LN blocks (BERT) show the shift c·1 that pre-LN ones hide (N6b): what is after a block is
already normalised, and the next block's attention reads it as it is; only the residual path drops
the shift again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.attention import attention
from llm_validation.encoder_structure import encoder_of
from llm_validation.hooks import edit_output, frozen
from llm_validation.inputs import position_index, states, token_ids
from llm_validation.memory import in_chunks, one_row
from llm_validation.output_covariance import OutputCovariance
from llm_validation.precision import true_precision
from llm_validation.sentence_encoder import text_ids

_TOKENS_AT_ONCE = 512  # rows × tokens of a forward pass
_COTANGENTS_AT_ONCE = 1024  # rows × tokens of a backward pass

# Relative to the largest entry, as for decoders: rounding is a hundred times smaller.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
_TOLERANCE_HALF = 5e-2


class EncoderContinuation:
    """The rest of an encoder after one block, as a function of the state at one position.

    Equal to a full forward pass with that state replaced, to rounding, and differentiable in h by
    ``torch.autograd`` and ``torch.func``.

    Parameters
    ----------
    encoder
        A ``SentenceEncoder`` or a Hugging Face encoder in eval mode. In float64 everything is
        computed in true float64.
    text
        A text, or its token ids (T,) or (1, T), those that mark its ends included.
    layer
        "After block i", counted from 0; -1 is the last block.
    position
        The token whose state is the argument: 0, the one that marks the beginning, is in every
        text; -1 is the last.

    Attributes
    ----------
    state : torch.Tensor
        (d,) the state that the model itself has there.
    output : torch.Tensor
        (m,) the model's own embedding of the text.
    layer, position : int
        Both counted from 0.

    Raises
    ------
    InvalidInput
        If layer, position or text cannot be used, if this way of running the model does not
        reproduce its own output at a displaced state, or if there is no memory for a single row.
    """

    def __init__(self, encoder: Any, text: Any, layer: int, position: int = 0) -> None:
        self._encoder: Any = encoder_of(encoder)
        if self._encoder.model.training:
            raise InvalidInput("encoder must be in eval mode, it is in training mode; call .eval()")
        ids = text_ids(self._encoder, text) if isinstance(text, str) else text
        self._ids = token_ids(self._encoder, ids)
        self.layer = self._encoder.layer_index(layer)
        self.position = position_index(self._ids.shape[1], position)
        with one_row(self._ids.device):
            self.state, self.output = self._run_and_check()

    @property
    def width(self) -> int:
        """d, the width of the residual stream."""
        return self._encoder.width

    def __call__(self, h: Any) -> torch.Tensor:
        """Embeddings (..., m) for states (..., d), in the model's dtype; batched in chunks."""
        rows = states(self._encoder, h, "h")
        output = in_chunks(self._run, rows.reshape(-1, self.width), self._share(_TOKENS_AT_ONCE))
        return output.reshape(*rows.shape[:-1], -1)

    def jacobian(self, h: Any = None) -> torch.Tensor:
        """Derivative of the embedding, (m, d) in the model's dtype, by batched reverse mode.

        Parameters
        ----------
        h
            (d,) where; the model's own state by default.
        """
        row = self._one_state(h)[None].requires_grad_()
        with torch.enable_grad(), one_row(row.device):
            output = self._run(row)[0]
        basis = torch.eye(len(output), dtype=output.dtype, device=output.device)

        def pull(cotangents: torch.Tensor) -> torch.Tensor:
            return torch.autograd.grad(
                output, row, cotangents, is_grads_batched=True, retain_graph=True
            )[0]

        return in_chunks(pull, basis, self._share(_COTANGENTS_AT_ONCE))[:, 0]

    def fisher(self, covariance: OutputCovariance, h: Any = None) -> np.ndarray:
        r"""Fisher metric of a Gaussian around the embedding, pulled back to the state; exact.

        .. math:: G = J^\top \Sigma^{-1} J

        in nats under the Gaussian reading of ``OutputCovariance``, and under that alone.

        Parameters
        ----------
        covariance
            Σ, the same one for all texts that are compared.
        h
            (d,) where; the model's own state by default.

        Returns
        -------
        numpy.ndarray
            (d, d) symmetric float64.
        """
        white = _checked(covariance).whiten(self.jacobian(h).double().cpu().numpy())
        metric = white.T @ white
        return (metric + metric.T) / 2

    def kl(self, delta: Any, covariance: OutputCovariance, base: Any = None) -> np.ndarray:
        """½ (y − y′)ᵀ Σ⁻¹ (y − y′) in nats, between h and h + delta, under the Gaussian reading.

        Parameters
        ----------
        delta
            (..., d) displacements, added to h in the model's dtype.
        covariance
            Σ.
        base
            (d,) the state h; the model's own by default.

        Returns
        -------
        numpy.ndarray
            (...,) float64.
        """
        displaced = states(self._encoder, delta, "delta")
        base = self._one_state(base)
        with torch.no_grad():
            change = (self(base + displaced) - self(base)).double().cpu().numpy()
        white = _checked(covariance).whiten(change.reshape(-1, change.shape[-1]).T)
        return ((white**2).sum(0) / 2).reshape(displaced.shape[:-1])

    def _one_state(self, h: Any) -> torch.Tensor:
        """h (the model's own state by default), (d,), free of any graph."""
        state = self.state if h is None else states(self._encoder, h, "h")
        if state.ndim != 1:
            raise InvalidInput(f"h must be ({self.width},), got {tuple(state.shape)}; pick one row")
        return state.detach().clone()

    def _share(self, tokens: int) -> int:
        return max(1, tokens // self._ids.shape[1])

    def _run(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, m) for states (B, d); blocks up to the layer run for one row only."""

        def replace(hidden: torch.Tensor) -> torch.Tensor:
            hidden = hidden.expand(len(rows), -1, -1)
            parts = [hidden[:, : self.position], rows[:, None], hidden[:, self.position + 1 :]]
            return torch.cat(parts, dim=1)

        return self._forward(self._ids, replace)

    def _forward(
        self, ids: torch.Tensor, edit: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        model = self._encoder.model
        with (
            true_precision(model),
            attention(model.config, "eager"),
            frozen(model),
            edit_output(self._encoder.blocks[self.layer], edit),
        ):
            hidden = model(input_ids=ids).last_hidden_state
            return self._encoder.pool(hidden, hidden.new_ones(hidden.shape[:2]))

    def _run_and_check(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The model's own state and output; a pass with a displaced state must agree with it."""
        found: list[torch.Tensor] = []

        def record_and_displace(hidden: torch.Tensor) -> torch.Tensor:
            state = hidden[0, self.position]
            noise = torch.randn(len(state), generator=torch.Generator().manual_seed(0)).to(state)
            found.extend([state.clone(), state + 0.1 * state.norm() * noise / noise.norm()])
            mask = torch.arange(hidden.shape[1], device=hidden.device) == self.position
            return torch.where(mask[:, None], torch.stack(found)[:, None], hidden)

        with torch.no_grad():
            expected = self._forward(self._ids.expand(2, -1), record_and_displace)
            again = self._run(torch.stack(found))
        error = float((again - expected).abs().max() / expected.abs().max())
        tolerance = _TOLERANCE.get(again.dtype, _TOLERANCE_HALF)
        if not error <= tolerance:
            raise InvalidInput(
                f"{type(self._encoder.model).__name__} does not give its own output again when it "
                f"is run from block {self.layer} on (relative difference {error:.0e}, expected "
                f"below {tolerance:.0e}); this architecture is not supported"
            )
        return found[0], expected[0].clone()


def _checked(covariance: Any) -> OutputCovariance:
    if not isinstance(covariance, OutputCovariance):
        raise InvalidInput(
            "covariance must be an OutputCovariance, which says over how many prompts and with "
            f"what noise it was taken, got {type(covariance).__name__}; use OutputCovariance.of"
        )
    return covariance

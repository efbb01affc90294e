r"""From the state after a block to the logits: the rest of a decoder as a function of one vector.

For a prompt, a layer and a position, ``Continuation`` is the map

.. math:: F : \mathbb R^d \to \mathbb R^V, \qquad h \mapsto \text{logits after the last token}

when the residual stream after that block, at that position, is h. ``theory.md`` calls it F_x; G is
its Fisher metric pulled back to the state (N7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.inputs import position_index, states, token_ids
from llm_validation.structure import decoder_of
from llm_validation.suffix import Suffix

_TOKENS_AT_ONCE = 64  # rows × suffix tokens of a forward pass: 64 × 49152 logits are 13 MB
_ROWS_AT_ONCE = 256  # rows × suffix tokens of a backward pass
_WORDS_AT_ONCE = 8192  # rows of the head that are folded in one product


class Continuation:
    """The rest of a decoder after one block, as a function of the state at one position.

    Equal to a full forward pass with that state replaced, to rounding, and differentiable in h by
    ``torch.autograd`` and ``torch.func``.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder in eval mode. In float64 everything is
        computed in true float64.
    input_ids
        (T,) or (1, T) token ids.
    layer
        "After block i", counted from 0; -1 is the last block.
    position
        The token whose state is the argument; -1 is the last. The output is read after the last
        token, whatever the position.

    Attributes
    ----------
    state : torch.Tensor
        (d,) the state that the model itself has there.
    logits : torch.Tensor
        (V,) the model's own logits after the last token.
    layer, position : int
        Both counted from 0.

    Raises
    ------
    InvalidInput
        If layer, position or prompt cannot be used, or if this way of running the model does not
        reproduce its own logits, at its own state and at a displaced one.
    """

    def __init__(self, model: Any, input_ids: Any, layer: int, position: int = -1) -> None:
        self._decoder = decoder_of(model)
        if self._decoder.model.training:
            raise InvalidInput("model must be in eval mode, it is in training mode; call .eval()")
        ids = token_ids(self._decoder, input_ids)
        self.layer = self._decoder.layer_index(layer)
        self.position = position_index(ids.shape[1], position)
        self._suffix = Suffix(self._decoder, ids, self.layer, self.position)
        self.state, self.logits = self._suffix.state, self._suffix.logits

    @property
    def width(self) -> int:
        """d, the width of the residual stream."""
        return self._decoder.width

    def __call__(self, h: Any) -> torch.Tensor:
        """Logits (..., V) for states (..., d), in the model's dtype; batched in chunks."""
        return self._in_chunks(self._suffix.to_logits, states(self._decoder, h, "h"))

    def final_state(self, h: Any) -> torch.Tensor:
        """What the head reads after the last token, (..., d_final), for states (..., d)."""
        return self._in_chunks(self._suffix.to_final_state, states(self._decoder, h, "h"))

    def jacobian_of_final_state(self, h: Any = None) -> torch.Tensor:
        """Derivative of ``final_state``, (d_final, d) in the model's dtype, by reverse mode.

        Parameters
        ----------
        h
            (d,) where; the model's own state by default.
        """
        row = self._one_state(h).requires_grad_()
        with torch.enable_grad():
            final = self._suffix.to_final_state(row)
        return self._jacobian(final[0], row)

    def fisher(self, h: Any = None) -> np.ndarray:
        r"""Fisher metric of the next-token distribution, pulled back to the state; exact.

        .. math:: G = J^\top (\operatorname{diag} p - p p^\top) J, \qquad
            \mathrm{KL}(p_h \,\|\, p_{h+\delta}) = \tfrac12 \delta^\top G \delta + O(\|\delta\|^3)

        in nats (Amari & Nagaoka 2000, ISBN 978-0821843024). J = D W K is never formed: W is the
        head, K the Jacobian of the final state and D the derivative of what the model does to each
        logit after the head (soft-capping, scaling).

        Parameters
        ----------
        h
            (d,) where; the model's own state by default.

        Returns
        -------
        numpy.ndarray
            (d, d) symmetric float64.
        """
        row = self._one_state(h).requires_grad_()
        run = self._suffix.for_derivatives(row)
        (slope,) = torch.autograd.grad(run.logits.sum(), run.head)
        probabilities = torch.softmax(run.logits.detach()[0].double(), -1)
        weight = self._decoder.head.weight.detach()
        folded = _head_metric(weight, slope.flatten(), probabilities)
        jacobian = self._jacobian(run.final[0], row).double()
        metric = jacobian.T @ folded @ jacobian
        return ((metric + metric.T) / 2).cpu().numpy()

    def kl(self, delta: Any, base: Any = None) -> np.ndarray:
        """KL(p_h ‖ p_{h+delta}) of the next token, in nats.

        The logits come in the model's dtype, everything after them is float64.

        Parameters
        ----------
        delta
            (..., d) displacements, added to h in the model's dtype: one far below the rounding
            of the state does nothing.
        base
            (d,) the state h; the model's own by default.

        Returns
        -------
        numpy.ndarray
            (...,) float64.
        """
        displaced = states(self._decoder, delta, "delta")
        with torch.no_grad():
            row = self._one_state(base)
            log_p = torch.log_softmax(self._suffix.to_logits(row).double(), -1)

            def divergence(rows: torch.Tensor) -> torch.Tensor:
                return _kl(log_p, torch.log_softmax(self._suffix.to_logits(rows).double(), -1))

            return self._in_chunks(divergence, row[0] + displaced).cpu().numpy()

    def _one_state(self, h: Any) -> torch.Tensor:
        """h (the model's own state by default) as a batch of one, (1, d), free of any graph."""
        state = self.state if h is None else states(self._decoder, h, "h")
        if state.ndim != 1:
            raise InvalidInput(f"h must be ({self.width},), got {tuple(state.shape)}; pick one row")
        return state.detach().clone()[None]

    def _in_chunks(
        self, function: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor
    ) -> torch.Tensor:
        """A function of rows (B, d) over states (..., d)."""
        rows = h.reshape(-1, self.width).split(max(1, _TOKENS_AT_ONCE // self._suffix.length))
        result = torch.cat([function(chunk) for chunk in rows])
        return result.reshape((*h.shape[:-1], *result.shape[1:]))

    def _jacobian(self, final: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Derivative of ``final`` (d_final,) in ``row`` (1, d)."""
        basis = torch.eye(len(final), dtype=final.dtype, device=final.device)
        # Batched by autograd itself and not by vmap, which Bloom's own autograd.Function refuses.
        parts = [
            torch.autograd.grad(final, row, chunk, is_grads_batched=True, retain_graph=True)[0]
            for chunk in basis.split(max(1, _ROWS_AT_ONCE // self._suffix.length))
        ]
        return torch.cat(parts)[:, 0]


def _head_metric(
    weight: torch.Tensor, slope: torch.Tensor, probabilities: torch.Tensor
) -> torch.Tensor:
    """Wᵀ D (diag p − p pᵀ) D W for W (V, d), D = diag(slope), p (V,): (d, d) in float64.

    As the covariance of the rows of D W under p, centred before the product: no cancellation, and
    positive semidefinite up to rounding.
    """
    work = torch.promote_types(weight.dtype, torch.float32)
    mean = (probabilities * slope.double()).to(work) @ weight.to(work)
    metric = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=weight.device)
    roots = probabilities.sqrt().to(work)
    pieces = (part.split(_WORDS_AT_ONCE) for part in (weight, slope.to(work), roots))
    for rows, factor, root in zip(*pieces, strict=True):
        centred = root[:, None] * (factor[:, None] * rows.to(work) - mean)
        metric += (centred.T @ centred).double()
    return metric


def _kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """Σ p (r + exp(−r) − 1) with r = log p − log q, along the last axis.

    It adds Σ q − Σ p = 0 to the usual Σ p r, so that every term is of second order in r and
    not negative: a rounding of the normalisers, far larger than a small divergence, drops out.
    """
    ratio, p = log_p - log_q, log_p.exp()
    grown = torch.where(ratio.abs() < 1, p * torch.expm1(-ratio), log_q.exp() - p)
    return (p * ratio + grown).sum(-1)

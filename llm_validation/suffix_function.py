"""What all functions of one vector through the end of a decoder have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.divergence import kl_of
from llm_validation.fisher import fisher_of
from llm_validation.inputs import states
from llm_validation.linearisation import Linearisation
from llm_validation.memory import in_chunks, in_float64, one_row, rows_at_once
from llm_validation.products import LogitFisher, LogitJacobian
from llm_validation.structure import Decoder, decoder_of
from llm_validation.suffix import Suffix

# Rows × suffix tokens of a forward pass that fill the CPU's products.
_TOKENS_AT_ONCE = 256


class SuffixFunction:
    """A vector (d,) to the logits of n outputs (n, V); the leading n is dropped where there is one.

    Parameters
    ----------
    decoder
        The model and where its parts are.
    suffix
        The end of its forward pass.
    origin
        (d,) the vector that leaves the model as it is.
    name
        What the vector is called in messages.
    several
        Whether there may be more than one output, so that results keep the axis n.
    """

    def __init__(
        self, decoder: Decoder, suffix: Suffix, origin: torch.Tensor, name: str, *, several: bool
    ) -> None:
        self._decoder, self._suffix = decoder, suffix
        self._origin, self._name, self._several = origin, name, several
        self.logits = self._outputs(suffix.logits, 0)

    @property
    def width(self) -> int:
        """d, the width of the residual stream."""
        return self._decoder.width

    def __call__(self, h: Any) -> torch.Tensor:
        """Logits for vectors (..., d), in the model's dtype; batched in chunks."""
        return self._outputs(self._in_chunks(self._suffix.to_logits, self._rows(h)))

    def final_state(self, h: Any) -> torch.Tensor:
        """What the head reads, (..., d_final), for vectors (..., d)."""
        return self._outputs(self._in_chunks(self._suffix.to_final_state, self._rows(h)))

    def jacobian_of_final_state(self, h: Any = None) -> torch.Tensor:
        """Derivative of ``final_state``, (d_final, d) in the model's dtype.

        Parameters
        ----------
        h
            (d,) where; by default where the model is as it is.
        """
        return self._outputs(self._linearised(h).jacobian_of_final_state(), 0)

    def fisher(self, h: Any = None) -> np.ndarray:
        r"""Fisher metric of the outputs' distributions, pulled back to the vector; exact.

        .. math:: G = \sum_t J_t^\top (\operatorname{diag} p_t - p_t p_t^\top) J_t, \qquad
            \sum_t \mathrm{KL}_t = \tfrac12 \delta^\top G \delta + O(\|\delta\|^3)

        in nats (Amari & Nagaoka 2000, ISBN 978-0821843024), with one t for the next token alone.

        Parameters
        ----------
        h
            (d,) where; by default where the model is as it is.

        Returns
        -------
        numpy.ndarray
            (d, d) symmetric float64.
        """
        return fisher_of(self._linearised(h))

    def jacobian_operator(self, h: Any = None) -> LogitJacobian:
        """The Jacobian of the logits as a scipy ``LinearOperator`` (n·V, d), never formed."""
        return LogitJacobian(self._linearised(h))

    def fisher_operator(self, h: Any = None) -> LogitFisher:
        """``fisher`` as a scipy ``LinearOperator`` (d, d), never formed.

        For widths where (d, d) is too much, or for fewer than about d/3 products.
        """
        return LogitFisher(self._linearised(h))

    def kl(self, delta: Any, base: Any = None) -> np.ndarray:
        """KL(p_h ‖ p_{h+delta}) of the next token, in nats; summed over the outputs read.

        The logits come in the model's dtype, everything after them is float64.

        Parameters
        ----------
        delta
            (..., d) displacements, added to h in the model's dtype: one far below the rounding
            of the state does nothing.
        base
            (d,) the vector h; by default where the model is as it is.

        Returns
        -------
        numpy.ndarray
            (...,) float64.
        """
        displaced = states(self._decoder, delta, "delta")
        with torch.no_grad():
            row = self._one_row(base)
            with one_row(row.device):
                log_p = torch.log_softmax(self._suffix.to_logits(row).double(), -1)

            def divergence(logits: torch.Tensor) -> torch.Tensor:
                return kl_of(log_p, torch.log_softmax(logits, -1)).sum(-1)

            def of_rows(rows: torch.Tensor) -> torch.Tensor:
                return in_float64(divergence, self._suffix.to_logits(rows))

            found = self._in_chunks(of_rows, row[0] + displaced)
            return found.cpu().numpy()

    def _rows(self, h: Any) -> torch.Tensor:
        return states(self._decoder, h, self._name)

    def _one_row(self, h: Any) -> torch.Tensor:
        """h (where the model is as it is by default) as a batch of one, free of any graph."""
        row = self._origin if h is None else self._rows(h)
        if row.ndim != 1:
            raise InvalidInput(
                f"{self._name} must be ({self.width},), got {tuple(row.shape)}; pick one row"
            )
        return row.detach().clone()[None]

    def _linearised(self, h: Any) -> Linearisation:
        return Linearisation(self._suffix, self._decoder.head.weight, self._one_row(h))

    def _in_chunks(
        self, function: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor
    ) -> torch.Tensor:
        """A function of rows (B, d) over vectors (..., d)."""
        most = max(1, _TOKENS_AT_ONCE // self._suffix.length)
        rows = h.reshape(-1, self.width)
        at_once = rows_at_once(len(rows), self._suffix.bytes_per_row, h.device, most)
        result = in_chunks(function, rows, at_once)
        return result.reshape((*h.shape[:-1], *result.shape[1:]))

    def _outputs(self, values: torch.Tensor, axis: int = -2) -> torch.Tensor:
        return values if self._several else values.squeeze(axis)


def evaluated_decoder(model: Any) -> Decoder:
    """The parts of a model that is in eval mode.

    Raises
    ------
    InvalidInput
        If it is in training mode, or as ``decoder_of``.
    """
    decoder = decoder_of(model)
    if decoder.model.training:
        raise InvalidInput("model must be in eval mode, it is in training mode; call .eval()")
    return decoder

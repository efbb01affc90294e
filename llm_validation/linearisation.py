r"""The derivative of a suffix at one row, in pieces that are cheap to apply.

J = D W K, with K the Jacobian of what the head reads, W the head and D the derivative of what the
model does to each logit after the head (soft-capping, scaling). K^T u is one backward pass. K v is
one too, through the graph of K^T u, which is linear in u: reverse mode twice, because forward mode
is missing where a model brings its own ``autograd.Function`` (Bloom) or runs fused attention.
"""

from __future__ import annotations

from functools import cached_property

import torch

from llm_validation.memory import in_chunks, one_row, rows_at_once
from llm_validation.suffix import Suffix

_TOKENS_AT_ONCE = 256  # rows × suffix tokens of a backward pass that fill the CPU's products


class Linearisation:
    """A suffix around one row (d,), with n outputs.

    Parameters
    ----------
    suffix
        The end of the forward pass.
    weight
        W (V, d_final), the head.
    row
        (1, d) where the derivative is taken.

    Attributes
    ----------
    logits : torch.Tensor
        (n, V) there.
    slopes : torch.Tensor
        (n, V), the diagonal of D.

    Raises
    ------
    InvalidInput
        If there is no memory for the pass of the row, or for one row of a product.
    """

    def __init__(self, suffix: Suffix, weight: torch.Tensor, row: torch.Tensor) -> None:
        self.weight = weight.detach()
        self._row = row.detach().clone().requires_grad_()
        with one_row(row.device):
            run = suffix.for_derivatives(self._row)
            (slopes,) = torch.autograd.grad(run.logits.sum(), run.head)
        # Blocks may lie on several devices: what the head gives is kept where the head is.
        self._final, self.slopes = run.final[0], slopes[0].to(weight.device)
        self.logits = run.logits.detach()[0].to(weight.device)
        self._bytes_per_row = suffix.bytes_per_row
        self._most = max(1, _TOKENS_AT_ONCE // suffix.length)

    @property
    def width(self) -> int:
        """d."""
        return self._row.shape[1]

    def at_once(self, rows: int) -> int:
        """How many of these rows one backward pass takes."""
        return rows_at_once(rows, self._bytes_per_row, self._row.device, self._most)

    @property
    def probabilities(self) -> torch.Tensor:
        """(n, V) next-token distributions in float64."""
        return torch.softmax(self.logits.double(), -1)

    def pull_final(self, cotangents: torch.Tensor) -> torch.Tensor:
        """K^T u (B, d) for u (B, n, d_final)."""
        cotangents = cotangents.to(self._final.device)
        return in_chunks(self._backward, cotangents, self.at_once(len(cotangents)))

    def push_final(self, tangents: torch.Tensor) -> torch.Tensor:
        """K v (B, n, d_final) for v (B, d)."""
        tangents = tangents.to(self._row.device)
        return in_chunks(self._backward_twice, tangents, self.at_once(len(tangents)))

    def push(self, tangents: torch.Tensor) -> torch.Tensor:
        """J v (B, n, V) for v (B, d)."""
        return self.push_final(tangents).to(self.weight.device) @ self.weight.T * self.slopes

    def pull(self, cotangents: torch.Tensor) -> torch.Tensor:
        """J^T w (B, d) for w (B, n, V)."""
        return self.pull_final((cotangents * self.slopes) @ self.weight)

    def jacobian_of_final_state(self) -> torch.Tensor:
        """K (n, d_final, d) in the model's dtype, from the side that takes fewer passes."""
        entries = self._final.numel()
        options = {"dtype": self._final.dtype, "device": self._final.device}
        # A pass of reverse mode twice costs up to two of reverse mode.
        if entries <= 2 * self.width:
            basis = torch.eye(entries, **options).view(entries, *self._final.shape)
            return self.pull_final(basis).view(*self._final.shape, self.width)
        return self.push_final(torch.eye(self.width, **options)).permute(1, 2, 0)

    # Batched by autograd itself and not by vmap, which Bloom's own autograd.Function refuses.
    def _backward(self, cotangents: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(
            self._final, self._row, cotangents, is_grads_batched=True, retain_graph=True
        )[0][:, 0]

    def _backward_twice(self, tangents: torch.Tensor) -> torch.Tensor:
        pulled, cotangent = self._pullback
        return torch.autograd.grad(
            pulled, cotangent, tangents[:, None], is_grads_batched=True, retain_graph=True
        )[0]

    @cached_property
    def _pullback(self) -> tuple[torch.Tensor, torch.Tensor]:
        """K^T u (1, d) and u (n, d_final), with the graph between them; u may be anything."""
        cotangent = torch.zeros_like(self._final).requires_grad_()
        with torch.enable_grad(), one_row(self._row.device):
            (pulled,) = torch.autograd.grad(self._final, self._row, cotangent, create_graph=True)
        return pulled, cotangent

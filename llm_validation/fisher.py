r"""The exact Fisher metric of next-token distributions, pulled back to the state.

.. math:: G = \sum_t J_t^\top (\operatorname{diag} p_t - p_t p_t^\top) J_t

over the outputs t that are read (theory.md N7; N10 for more than one). The head is folded in before
the Jacobian is applied: Wᵀ D (diag p − p pᵀ) D W is (d, d), and J, with a row for every word, is
never formed. Dense G is the way up to d of about 16 000; beyond, see ``products`` and
``identifiability.null_end``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from llm_validation.linearisation import Linearisation
from llm_validation.memory import chunks, rows_at_once

_WORDS_AT_ONCE = 8192  # rows of the head in one product that fill it on the CPU
_COPIES = 4  # of a row of the head that are made: in the work dtype, centred, weighted, spare
_PANELS = 4


def fisher_of(linearisation: Linearisation) -> np.ndarray:
    """G (d, d) at the row of the linearisation, symmetric float64, nats per unit of length²."""
    jacobian = linearisation.jacobian_of_final_state().double()
    metric = jacobian.new_zeros(linearisation.width, linearisation.width)
    for one, head in zip(jacobian, head_metrics(linearisation), strict=True):
        metric += one.T @ head.dense().to(one.device) @ one  # blocks may lie on several devices
    return ((metric + metric.T) / 2).cpu().numpy()


def head_metrics(linearisation: Linearisation) -> Iterator[HeadMetric]:
    """The metric in the final state of each of the n outputs."""
    outputs = zip(linearisation.slopes, linearisation.probabilities, strict=True)
    for slopes, probabilities in outputs:
        yield HeadMetric(linearisation.weight, slopes, probabilities)


class HeadMetric:
    """Wᵀ D (diag p − p pᵀ) D W (d, d), the metric of one output in what the head reads.

    As the covariance of the rows of D W under p, centred before any product: rows have a large part
    in common, which would cost digits (a factor of ten in G v, measured on SmolLM2), and centred
    the metric is positive semidefinite up to rounding. Products are in float32 at least, sums over
    blocks of words in float64, whatever the dtype of the weights.

    Several prompts gain nothing from being folded together: each has its own p, so the products are
    as many, and reading W is one in d of the work.

    Parameters
    ----------
    weight
        W (V, d).
    slopes
        (V,), the diagonal of D.
    probabilities
        p (V,) in float64.
    words_at_once
        Rows of W in one product; by default what fills the machine and fits its memory.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        slopes: torch.Tensor,
        probabilities: torch.Tensor,
        words_at_once: int | None = None,
    ) -> None:
        slopes, probabilities = slopes.to(weight.device), probabilities.to(weight.device)
        self._weight, self._slopes, self._probabilities = weight, slopes, probabilities
        self._work = torch.promote_types(weight.dtype, torch.float32)
        size = _COPIES * weight.shape[1] * self._work.itemsize
        self._at_once = words_at_once or rows_at_once(
            len(weight), size, weight.device, _WORDS_AT_ONCE
        )
        weighted = probabilities * slopes.double()
        self._mean = self._summed(
            lambda rows: weighted[rows].to(self._work) @ weight[rows].to(self._work)
        ).to(self._work)

    def dense(self) -> torch.Tensor:
        """(d, d) in float64, exactly symmetric."""
        roots = self._probabilities.sqrt().to(self._work)
        return self._summed(lambda rows: _gram(roots[rows, None] * self._centred(rows)))

    def times(self, vectors: torch.Tensor) -> torch.Tensor:
        """The metric times vectors (B, d), (B, d) in float64; one pass over W."""
        vectors = vectors.to(self._weight.device, self._work)
        weights = self._probabilities.to(self._work)

        def product(rows: slice) -> torch.Tensor:
            centred = self._centred(rows)
            return (vectors @ centred.T * weights[rows]) @ centred

        return self._summed(product)

    def _centred(self, rows: slice) -> torch.Tensor:
        own = self._slopes[rows, None].to(self._work) * self._weight[rows].to(self._work)
        return own - self._mean

    def _summed(self, function: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        """The sum in float64 of a function of slices of the words."""

        def part(words: torch.Tensor) -> torch.Tensor:
            return function(slice(int(words[0]), int(words[-1]) + 1)).double()

        words = torch.arange(len(self._weight), device=self._weight.device)
        return _sum(chunks(part, words, self._at_once))


def _sum(parts: Iterator[torch.Tensor]) -> torch.Tensor:
    total = next(parts)
    for part in parts:
        total += part
    return total


def _gram(rows: torch.Tensor) -> torch.Tensor:
    """Aᵀ A for A (m, d), its lower half copied from the upper: five eighths of the products."""
    width = rows.shape[1]
    upper = rows.new_zeros(width, width)
    panel = -(-width // _PANELS)
    for start in range(0, width, panel):
        upper[start : start + panel, start:] = rows[:, start : start + panel].T @ rows[:, start:]
    return upper.triu() + upper.triu(1).T

r"""Divergences of distributions over words, from log-probabilities; small ones keep their digits.

With r = log q - log p, finite, and e = expm1(-\|r\|), which neither overflows nor cancels,

.. math:: q - p = -\operatorname{sign}(r)\, e \max(p, q), \qquad
    \log\tfrac{p + q}{2} - \log p = \max(r, 0) + \log(1 + e/2).

KL has Σ q − Σ p = 0 added, and Jensen–Shannon is about the mean: so each word's term is of second
order in r, with a relative error of some 1e-16/\|r\|. A rounding of the normalisers, far larger
than a small divergence, drops out.
"""

from __future__ import annotations

import torch


def kl_of(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(p ‖ q) along the last axis, in nats."""
    return _kl(log_q - log_p, log_p.exp(), log_q.exp())


def kl_and_js_of(log_p: torch.Tensor, log_q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(p ‖ q) and Jensen–Shannon (Lin 1991, doi:10.1109/18.61115) along the last axis; nats."""
    ratio, p, q = log_q - log_p, log_p.exp(), log_q.exp()
    of_mean = torch.log1p(0.5 * torch.expm1(-ratio.abs())) + ratio.clamp(min=0)
    return _kl(ratio, p, q), 0.5 * (q * ratio - (p + q) * of_mean).sum(-1)


def _kl(ratio: torch.Tensor, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    gained = torch.copysign(torch.maximum(p, q) * torch.expm1(-ratio.abs()), ratio)  # q - p
    return (gained - p * ratio).sum(-1)

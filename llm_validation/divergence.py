r"""Divergences of distributions over words, from log-probabilities; small ones keep their digits.

With r = log q - log p, finite, and e = expm1(-\|r\|), which neither overflows nor cancels,

.. math:: q - p = -\operatorname{sign}(r)\, e \max(p, q), \qquad
    \mathrm{JS} = -\tfrac12 \sum \bigl[\min(p, q) |r| + (p + q) \log(1 + e/2)\bigr]

and KL has Σ q − Σ p = 0 added to it, so that each word's term of either is of second order in r,
where it is small, and has a relative error of some 1e-16/\|r\|. A rounding of the normalisers, far
larger than a small divergence, drops out. JS of two that are equal to rounding may be -1e-32.

Values, to be used without their derivatives: those of ``abs`` and ``maximum`` are wrong at r = 0.
"""

from __future__ import annotations

import torch


def kl_of(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(p ‖ q) along the last axis, in nats."""
    ratio, p, q = log_q - log_p, log_p.exp(), log_q.exp()
    return _kl(ratio, p, q, torch.expm1(-ratio.abs()))


def kl_and_js_of(log_p: torch.Tensor, log_q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(p ‖ q) and Jensen–Shannon (Lin 1991, doi:10.1109/18.61115) along the last axis; nats."""
    ratio, p, q = log_q - log_p, log_p.exp(), log_q.exp()
    apart = ratio.abs()
    lost = torch.expm1(-apart)
    terms = torch.minimum(p, q) * apart + (p + q) * torch.log1p(0.5 * lost)
    return _kl(ratio, p, q, lost), -0.5 * terms.sum(-1)


def _kl(ratio: torch.Tensor, p: torch.Tensor, q: torch.Tensor, lost: torch.Tensor) -> torch.Tensor:
    gained = torch.copysign(torch.maximum(p, q) * lost, ratio)  # q - p
    return (gained - p * ratio).sum(-1)

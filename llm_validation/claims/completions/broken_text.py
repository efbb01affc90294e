"""When steering has broken the text, so that a score says nothing of a trait any more."""

from __future__ import annotations

import math

import numpy as np

BROKEN = math.log(2)
"""Nats per token. Where the completion that steering favours has more than twice its unsteered
perplexity, the score differs because all text has become unlikely and not because of the trait."""


def broken(unsteered: np.ndarray, up: np.ndarray, down: np.ndarray) -> bool:
    """Whether v or -v makes even the completions that it favours unlikely.

    Parameters
    ----------
    unsteered, up, down
        (n, 2) log-likelihoods per token of positive and negative completions; under v; under -v.
    """
    return max(lost(unsteered, up, 0), lost(unsteered, down, 1)) > BROKEN


def lost(unsteered: np.ndarray, steered: np.ndarray, side: int) -> float:
    """Mean log-likelihood per token that completions (n, 2) of a side, 0 positive and 1 negative,
    lose by steering; exp of it is the factor of their perplexity."""
    return float((unsteered[:, side] - steered[:, side]).mean())


def broken_at(alpha: float, strengths: np.ndarray, losses: np.ndarray) -> bool:
    """Whether v breaks the text at a strength, by what others lose; linear in between, 0 at 0."""
    known = np.concatenate([[0.0], strengths]), np.concatenate([[0.0], losses])
    return float(np.interp(alpha, *known)) > BROKEN

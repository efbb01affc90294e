"""What rounding, and what stays unseen, make of a planted vector: from blocks of other prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_validation.claims.planted.linear_block import LinearBlock


def rounding_errors(
    found: Sequence[LinearBlock], vector: np.ndarray, strength: float, basis: np.ndarray | None
) -> np.ndarray:
    """(blocks,) squared errors that rounding makes, relative to |v|², averaged over its samples.

    Within the span of ``basis`` (d, k), if there is one.
    """
    errors = [block.rounding(strength) for block in found]
    errors = errors if basis is None else [error @ basis for error in errors]
    return np.array([np.mean(np.sum(e**2, axis=1)) for e in errors]) / (vector @ vector)


def expected_cosines(
    found: Sequence[LinearBlock], vector: np.ndarray, strength: float
) -> np.ndarray:
    """(blocks,) cosine to the whole vector of what is seen of it, with rounding added."""
    cosines = []
    for block in found:
        estimates = block.seen(vector) + block.rounding(strength)
        cosines.append(np.mean(estimates @ vector / np.linalg.norm(estimates, axis=1)))
    return np.array(cosines) / np.linalg.norm(vector)

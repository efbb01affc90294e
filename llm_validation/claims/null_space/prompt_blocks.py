"""How many prompts are taken together, and disjoint blocks of that many."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.judgement import FEWEST_CLUSTERS

COUNTS = (1, 2, 4, 8, 16, 32, 64)


def blocks(total: int, size: int) -> list[np.ndarray]:
    """Disjoint blocks of that size; what is left over is left out."""
    return [np.arange(start, start + size) for start in range(0, total - size + 1, size)]


def enough_blocks(size: int, *totals: int) -> bool:
    """Whether each of these numbers of prompts makes blocks of that size enough to judge.

    A row is judged only if those of a full run do; no smaller run has more.
    """
    return all(len(blocks(total, size)) >= FEWEST_CLUSTERS for total in totals)


def prompts_in_words(count: int) -> str:
    """For names of arms."""
    return "1 prompt" if count == 1 else f"{count} prompts"

"""How much is measured: the quick set of ``verify``, the thin run of ``llm``, and the full one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scale(StrEnum):
    """Sizes that every claim has a row for in its own table."""

    QUICK = "quick"
    THIN = "thin"
    FULL = "full"


@dataclass(frozen=True)
class PromptCounts:
    """Prompts on which directions are chosen, predictions computed, and claims measured."""

    choosing: int
    predicting: int
    measuring: int


PROMPTS = {
    Scale.QUICK: PromptCounts(4, 4, 6),
    Scale.THIN: PromptCounts(10, 10, 10),
    Scale.FULL: PromptCounts(20, 20, 40),
}
ERROR_PROMPTS = {Scale.QUICK: 1, Scale.THIN: 2, Scale.FULL: 2}
"""Prompts on which float32 is compared with float64; each costs as much as four metrics."""

QUARTERS = {Scale.QUICK: (3,), Scale.THIN: (2,), Scale.FULL: (1, 2, 3)}
"""Of a model's depth, where it is steered. What is behind the layer is what a measurement computes,
so that at three quarters the quick set takes about half as long as in the middle."""

TRAITS = {
    Scale.QUICK: ("formality", "sentiment"),
    Scale.THIN: ("formality", "sentiment"),
    Scale.FULL: ("formality", "politeness", "sentiment", "truthfulness", "agreeableness"),
}

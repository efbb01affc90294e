"""What an estimator said before it estimated, put beside what came out, in the words of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llm_validation.claims.claim import Judgement


def beside(judgement: Judgement, before: str, here: str, about: str = "") -> Judgement:
    """The judgement with what was said of the predicting prompts, and then of the measuring ones.

    ``about`` says of what it was said, where that is not the planted vectors.
    """
    same = "the same" if here == before else here
    said = f"the estimator said before{about}, by other prompts, {before}; by these {same}"
    return replace(judgement, reason=f"{judgement.reason}; {said}")


def counted(said: Sequence[str]) -> str:
    """Each different sentence once, with the number of prompts of which it was said."""
    return ", ".join(f"{x} ({said.count(x)} of {len(said)})" for x in dict.fromkeys(said))

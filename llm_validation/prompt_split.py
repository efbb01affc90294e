"""Prompts split three ways, so that nothing is predicted from where it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from identifiability.errors import InvalidInput

Part = Literal["choosing", "predicting", "measuring"]


@dataclass(frozen=True)
class PromptSplit:
    """Token ids of prompts, disjoint by construction."""

    choosing: tuple[list[int], ...]
    predicting: tuple[list[int], ...]
    measuring: tuple[list[int], ...]

    @classmethod
    def of(
        cls, prompts: Sequence[list[int]], sizes: tuple[int, int, int], seed: int
    ) -> PromptSplit:
        """Deal prompts at random into three sets of the given sizes."""
        if min(sizes) < 2 or sum(sizes) > len(prompts):
            raise InvalidInput(
                f"need at least two prompts in each of three sets and {sum(sizes)} in all, "
                f"got {len(prompts)}; add prompts or ask for fewer"
            )
        order = np.random.default_rng(seed).permutation(len(prompts))
        first, second = sizes[0], sizes[0] + sizes[1]
        chosen = [prompts[i] for i in order[: sum(sizes)]]
        return cls(tuple(chosen[:first]), tuple(chosen[first:second]), tuple(chosen[second:]))

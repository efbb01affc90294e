"""The environments of a trait, and which of their contexts are for predicting and for measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from llm_validation.dataset import ContrastivePair
from llm_validation.setting import Setting

Half = Literal["predicting", "measuring"]

PREDICTING = 4
"""Contexts of each environment that predictions may use; all others are measured on."""

FEWEST = 9
"""Contexts that an environment needs (those of the shipped traits have 10 or 11): five or more are
left to measure on, with which a jackknife has four degrees of freedom for each environment."""

TOO_FEW = f"the trait has fewer than three environments of {FEWEST} contexts or more"


def contexts(setting: Setting, trait: str, half: Half) -> dict[str, tuple[ContrastivePair, ...]]:
    """Pairs of that half, by environment in the order of the file; those too small are left out.

    Dealt at random once for each environment: a file may be sorted by topic.
    """
    found = {}
    for name, pairs in setting.traits[trait].environments.items():
        if len(pairs) < FEWEST:
            continue
        order = setting.rng("environment contexts", trait, name).permutation(len(pairs))
        chosen = order[:PREDICTING] if half == "predicting" else order[PREDICTING:]
        found[name] = tuple(pairs[i] for i in chosen)
    return found


def enough(setting: Setting, trait: str) -> bool:
    """Whether there are environments to stack and one to hold out."""
    return len(contexts(setting, trait, "measuring")) >= 3


def prompts(
    setting: Setting, environments: Mapping[str, Sequence[ContrastivePair]], count: int
) -> list[list[list[int]]]:
    """Token ids of ``count`` prompts of each environment: (environments, count, T).

    Sides alternate from context to context, then each context comes with its other side.
    """
    return [
        [
            setting.encode((pairs[i % n].positive, pairs[i % n].negative)[(i % n + i // n) % 2])
            for i in range(count)
        ]
        for pairs in environments.values()
        for n in (len(pairs),)
    ]

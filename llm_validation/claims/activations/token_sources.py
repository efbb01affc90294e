"""States at many tokens for claims about their law: which prompts, which half, which cells.

Prompts of one context (the two sides of a pair) share words, so that they are one group. Groups are
dealt into two halves: one makes the predictions, the other is measured. Tokens of one group are not
independent of each other and are never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from identifiability.cells import Cell
from llm_validation.dataset import ContrastivePair
from llm_validation.setting import Setting

Half = Literal["predicting", "measuring"]

TOKENS = 12
"""Chosen of each prompt, about half of them: neighbouring tokens say much the same."""

_GROUPS_AT_ONCE = 5  # ten prompts of a few dozen tokens fill the machine's products


@dataclass(frozen=True)
class TokenSource:
    """Groups of prompts under a name; a group is the token ids of its prompts."""

    name: str
    groups: tuple[tuple[list[int], ...], ...]


def pair_source(setting: Setting, name: str, pairs: Sequence[ContrastivePair]) -> TokenSource:
    """Both sides of a pair are a group."""
    groups = ((setting.encode(pair.positive), setting.encode(pair.negative)) for pair in pairs)
    return TokenSource(name, tuple(groups))


def neutral_source(setting: Setting) -> TokenSource:
    """All neutral prompts of the setting, each a group."""
    split = setting.prompts
    everything = (*split.choosing, *split.predicting, *split.measuring)
    return TokenSource("neutral", tuple((ids,) for ids in everything))


def members(setting: Setting, source: TokenSource, half: Half) -> np.ndarray:
    """Which groups belong to a half; the predicting one is not the smaller."""
    count = len(source.groups)
    order = setting.rng("token halves", source.name).permutation(count)
    middle = (count + 1) // 2
    return order[:middle] if half == "predicting" else order[middle:]


def token_cells(setting: Setting, source: TokenSource, half: Half) -> list[Cell]:
    """A few groups a cell."""
    first, last = shared_ends(neutral_source(setting).groups)
    chosen = members(setting, source, half)
    cells = []
    for start in range(0, len(chosen), _GROUPS_AT_ONCE):
        block = [source.groups[group] for group in chosen[start : start + _GROUPS_AT_ONCE]]
        cells.append(
            setting.cell(
                "token_states",
                f"token states {source.name}",
                prompts=[ids for group in block for ids in group],
                layers=list(setting.layers),
                first=[start for group in block for start in beginnings(group, first, last)],
                last=last,
                tokens=TOKENS,
                seed=setting.seed,
            )
        )
    return cells


def token_states(
    setting: Setting, sources: Sequence[TokenSource], half: Half, layer: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float64 states and (n,) labels of their groups, no label in two sources."""
    place = setting.layers.index(layer)
    states, labels, known = [], [], 0
    for source in sources:
        chosen = members(setting, source, half)
        # Prompts come in the order of their groups, block after block.
        owners = np.repeat(np.arange(len(chosen)), [len(source.groups[group]) for group in chosen])
        passed = 0
        for cell in token_cells(setting, source, half):
            found = setting.of(cell)
            states.append(np.asarray(found["states"][:, place], dtype=np.float64))
            labels.append(known + owners[passed + found["prompt"]])
            passed += len(cell.settings["prompts"])
        known += len(chosen)
    return np.concatenate(states), np.concatenate(labels)


def beginnings(group: Sequence[list[int]], first: int, last: int) -> list[int]:
    """Where each prompt of a group says something that none before it in the group has said.

    As far as two prompts are the same, so are their states: copies are no samples. One token is
    left of every prompt.
    """
    found = []
    for place, ids in enumerate(group):
        known = max((_common(ids, other) for other in group[:place]), default=0)
        found.append(min(max(first, known), len(ids) - last - 1))
    return found


def _common(one: list[int], other: list[int]) -> int:
    """Tokens with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def shared_ends(groups: Sequence[Sequence[list[int]]]) -> tuple[int, int]:
    """How many tokens all prompts begin and end with, those of a chat template above all.

    At least the first token is left out: it sees nothing but itself, and its state is of a size of
    its own.
    """
    prompts = [ids for group in groups for ids in group]
    shortest = min(len(ids) for ids in prompts)
    first = 0
    while first < shortest and len({ids[first] for ids in prompts}) == 1:
        first += 1
    last = 0
    while last < shortest - first and len({ids[-1 - last] for ids in prompts}) == 1:
        last += 1
    return max(first, 1), last

"""How much of the observation ladder is measured at each scale, and the cells that do it."""

from __future__ import annotations

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.null_space.prompt_blocks import (
    blocks,
    enough_blocks,
    prompts_in_words,
)
from llm_validation.claims.planted.ladder_prediction import LADDER, is_dense, top_tokens
from llm_validation.measurements.observations import FLOAT32, GREEDY, SCORE
from llm_validation.scale import PROMPTS, Scale
from llm_validation.scoring.log_odds import completion_ids
from llm_validation.setting import Setting

ALPHAS = {Scale.QUICK: (0.25,), Scale.THIN: (0.25,), Scale.FULL: (1.0,)}
"""From 0.5 on first order no longer predicts outputs; Gauss-Newton has to do without it at 1, the
paper's own strength."""

QUICK_RUNGS = (FLOAT32, "top:20", GREEDY)

COUNT = 2
"""Prompts at once. Where each linearisation takes a Jacobian of all logits, seconds a prompt, every
trait is measured at the middle layer, elsewhere the first."""

DENSE_COUNTS: dict[Scale, tuple[int, ...]] = {Scale.QUICK: (), Scale.THIN: (1,), Scale.FULL: (1,)}
SPARSE_COUNTS: dict[Scale, tuple[int, ...]] = {Scale.QUICK: (), Scale.THIN: (), Scale.FULL: (10,)}
"""Besides, for the first trait at the middle layer: of float32 logits, and of rungs of few numbers,
which are reported."""

BLOCKS = {Scale.QUICK: 2, Scale.THIN: 2, Scale.FULL: 6}
"""At most so many disjoint blocks of measuring prompts; six are the fewest that are judged."""

GREEDY_PROMPTS = {Scale.QUICK: 4, Scale.THIN: 6, Scale.FULL: 10}
STEPS = 10
"""Linearisations at most: five were enough on two choosing prompts at strength 1. A fit that needs
more has not converged and decides nothing."""

_RADIUS_SHARE = 0.5
_RIVALS, _DRAWS = 20, 32


def rungs_of(setting: Setting) -> tuple[str, ...]:
    """Finest first."""
    return QUICK_RUNGS if setting.scale is Scale.QUICK else LADDER


def traits_of(setting: Setting) -> list[str]:
    """Traits whose vectors are planted: below full scale the first alone."""
    names = list(setting.traits)
    return names if setting.scale is Scale.FULL else names[:1]


def counts_of(setting: Setting, rung: str, trait: str, layer: int) -> tuple[int, ...]:
    """How many prompts are taken together; none where the rung is not measured."""
    first = trait == traits_of(setting)[0]
    middle = layer == setting.layers[len(setting.layers) // 2]
    if not is_dense(rung):
        others = SPARSE_COUNTS[setting.scale]
    elif first or middle:
        others = DENSE_COUNTS[setting.scale] if rung == FLOAT32 else ()
    else:
        return ()
    return tuple(sorted((COUNT, *(others if first and middle else ()))))


def is_judged(count: int) -> bool:
    """Whether prompts of a full run make enough blocks of so many; no smaller run has more."""
    return enough_blocks(count, PROMPTS[Scale.FULL].measuring)


def most_likeliest(setting: Setting) -> int:
    """The most log-probabilities that a rung of this scale shows."""
    return max(top_tokens(rung) for rung in rungs_of(setting))


def score_index(setting: Setting, trait: str) -> int:
    """Which of the scores of an information cell is the trait's."""
    return traits_of(setting).index(trait)


def completion_pair(setting: Setting, trait: str, place: int) -> list[list[int]]:
    """Token ids of a positive and a negative completion, another pair for each prompt."""
    every = setting.traits[trait].completions
    chosen = every[place % len(every)]
    return [completion_ids(setting.model, text) for text in (chosen.positive, chosen.negative)]


def information_cell(setting: Setting, ids: list[int], place: int, layer: int) -> Cell:
    """First order of every rung on one prompt; the traits' scores are in the order of traits."""
    return setting.cell(
        "ladder_information",
        f"what each rung sees, layer {layer}",
        ids=ids,
        layer=layer,
        likeliest=most_likeliest(setting),
        completions=[completion_pair(setting, trait, place) for trait in traits_of(setting)],
        seed=setting.seed,
    )


def observation_cells(
    setting: Setting,
    layer: int,
    trait: str,
    planted: np.ndarray,
    rung: str,
    count: int,
    noise: float,
) -> list[Cell]:
    """One recovery for each block of measuring prompts."""
    prompts = setting.prompts.measuring
    cells = []
    for rows in blocks(len(prompts), count)[: BLOCKS[setting.scale]]:
        pairs = [completion_pair(setting, trait, i) for i in rows] if rung == SCORE else []
        label = f"{rung}, {prompts_in_words(count)}, layer {layer}, {trait}"
        cells.append(
            setting.cell(
                "planted_vector",
                label,
                prompts=[prompts[i] for i in rows],
                layer=layer,
                vector=planted,
                rung=rung,
                # Of float32 logits only; elsewhere it would make equal cells differ.
                noise=noise if rung == FLOAT32 else 0.0,
                completions=pairs,
                steps=STEPS,
                seed=setting.seed,
            )
        )
    return cells


def greedy_cells(setting: Setting, layer: int, planted: np.ndarray) -> list[Cell]:
    """One for each of some measuring prompts."""
    return [
        setting.cell(
            "greedy_ball",
            f"greedy token, layer {layer}",
            ids=ids,
            layer=layer,
            vector=planted,
            rivals=_RIVALS,
            share=_RADIUS_SHARE,
            draws=_DRAWS,
            seed=setting.seed,
        )
        for ids in setting.prompts.measuring[: GREEDY_PROMPTS[setting.scale]]
    ]

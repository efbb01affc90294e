"""How much of the observation ladder is measured at each scale, and the cells that do it."""

from __future__ import annotations

import numpy as np

from identifiability.cells import Cell
from llm_validation.claims.judgement import FEWEST_CLUSTERS
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

TOGETHER = 2
"""Prompts taken together on every rung that is measured."""

FLOAT32_BESIDES: dict[Scale, tuple[int, ...]]
FEW_BESIDES: dict[Scale, tuple[int, ...]]
FLOAT32_BESIDES = {Scale.QUICK: (), Scale.THIN: (1,), Scale.FULL: (1,)}
FEW_BESIDES = {Scale.QUICK: (), Scale.THIN: (), Scale.FULL: (10,)}
"""Other numbers of prompts, for the first trait at the middle layer: of float32 logits, and of
rungs of few numbers. Ten prompts make too few blocks and are reported."""

BLOCKS = {Scale.QUICK: 2, Scale.THIN: 2, Scale.FULL: FEWEST_CLUSTERS}
"""At most so many disjoint blocks of measuring prompts; in full the fewest that are judged."""

GREEDY_PROMPTS = {Scale.QUICK: 4, Scale.THIN: 6, Scale.FULL: 10}
STEPS = 10
"""Linearisations at most: four were enough for all logits of two choosing prompts after block 15. A
fit that needs more has not converged and decides nothing."""

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
    """How many prompts are taken together; none where the rung is not measured.

    Dense rungs, seconds a prompt for each linearisation, are measured for every trait of the run at
    the middle layer and for the first trait at the others; all other rungs everywhere.
    """
    first = trait == traits_of(setting)[0]
    middle = layer == setting.layers[len(setting.layers) // 2]
    dense = is_dense(rung)
    if dense and not (first or middle):
        return ()
    besides: tuple[int, ...] = ()
    if first and middle and (rung == FLOAT32 or not dense):
        besides = (FLOAT32_BESIDES if dense else FEW_BESIDES)[setting.scale]
    return tuple(sorted((TOGETHER, *besides)))


def is_judged(count: int) -> bool:
    """Whether a full run has blocks enough, both to predict and to measure."""
    full = PROMPTS[Scale.FULL]
    return enough_blocks(count, full.predicting, full.measuring)


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

"""Rows of claim 6 about the exact rank of the logits' Jacobians of N prompts (N3, N6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum
from llm_validation.claims.claim import ANY, Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import on_every
from llm_validation.claims.null_space.exact_cells import (
    hidden_directions,
    jacobian_cell,
    lost_at_one_prompt,
    radial_cell,
    symmetry_cell,
)
from llm_validation.claims.null_space.probe_estimate import STATISTICS, measured_shares, probe_cells
from llm_validation.claims.null_space.prompt_blocks import COUNTS, blocks, prompts_in_words
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

FACTORS = {Scale.QUICK: (1, 2), Scale.THIN: (2, 4), Scale.FULL: (4, 8)}
"""Choosing and measuring prompts whose Jacobians are factored in float64. Rows never lower a rank:
what has rank d at two prompts has it at any number."""


def rank_preparation(setting: Setting, layer: int) -> list[Cell]:
    """Jacobians of choosing prompts, whose size and radial direction the prediction needs."""
    cells = [symmetry_cell(setting)]
    for ids in _choosing(setting):
        cells += [jacobian_cell(setting, ids, layer), radial_cell(setting, ids, layer)]
    return cells


def rank_arms(setting: Setting, claim: str, layer: int) -> list[Arm]:
    """d from two prompts on, less at one; one less where the mean direction is invisible."""
    jacobians = choosing_jacobians(setting, layer)
    gains = [setting.of(radial_cell(setting, ids, layer))["gain"] for ids in _choosing(setting)]
    # What the norm's epsilon leaves of the radial direction counts if it can be told from rounding.
    radial = all(
        gain <= Spectrum.of(jacobian["factor"], metric=False).resolution
        for jacobian, gain in zip(jacobians, gains, strict=True)
    )
    lost = lost_at_one_prompt(setting, layer) if radial else 0
    rows = max(len(jacobian["factor"]) for jacobian in jacobians)
    prompts = setting.prompts.measuring[: FACTORS[setting.scale][1]]
    cells = tuple(jacobian_cell(setting, ids, layer) for ids in prompts)
    arms = []
    for count in [n for n in COUNTS if n <= len(prompts)]:
        most = setting.width - hidden_directions(setting) - (lost if count == 1 else 0)
        rank = float(min(most, count * rows))
        prediction = Prediction(
            claim=claim,
            theorem="N3",
            layer=layer,
            trait=ANY,
            arm=f"rank, {prompts_in_words(count)}",
            alpha=0.0,
            prediction=rank,
            prediction_interval=None,
            margin=0.0,
            unit="dimensions",
        )
        more = probe_cells(setting, layer) if count == 1 else ()
        arms.append(Arm(prediction, (*cells, *more), (count, len(cells), rank)))
    return arms


def rank_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Ranks on disjoint blocks of prompts.

    At one prompt the paper's statistic is the dimension that its probes would give the null space,
    to be held against d less the rank.
    """
    count, factored, expected = arm.data
    factors = [setting.of(cell)["factor"] for cell in arm.cells[:factored]]
    stacks = [np.concatenate([factors[i] for i in block]) for block in blocks(factored, count)]
    ranks = np.array([float(Spectrum.of(stack, metric=False).rank()) for stack in stacks])
    theirs = None
    if count == 1:
        shares = measured_shares(setting, arm.prediction.layer, STATISTICS[0])
        theirs = setting.width * float(shares.mean())
    return result(
        setting,
        arm.prediction,
        spread(ranks, float(np.median(ranks))),
        on_every(ranks, expected, expected, "rank"),
        seeds=1,
        n_prompts=factored,
        paper_statistic=theirs,
    )


def choosing_jacobians(setting: Setting, layer: int) -> Sequence[dict[str, np.ndarray]]:
    """Factors of the choosing prompts' Jacobians."""
    return [dict(setting.of(jacobian_cell(setting, ids, layer))) for ids in _choosing(setting)]


def _choosing(setting: Setting) -> Sequence[list[int]]:
    return setting.prompts.choosing[: FACTORS[setting.scale][0]]

r"""Dose and response of v, and of v with an orthogonal direction added (N4, N8, N9).

The paper's Figure 2, read there as scale-invariant equivalence. Here, for random and for
epsilon-null directions:

* **v + ⊥** at each strength α: what ⊥ changes of v's effect *at that strength* is at most 20 % of
  it, RMS over directions; the signed mean, which is v's by symmetry, is reported. Both effects grow
  from the same unsteered score, so that two raw curves look alike whatever the arms do;
* **slope**: up to strength 0.5 the effect grows by w · v, respectively w · (v + ⊥), for a unit of
  strength, within a factor of two, w the score's gradient on development completions.

Where v's own effect cannot be told from none at a strength, its row is inconclusive; where v makes
even the development completions that it favours more than twice as perplexing the text is broken,
and the row is reported and not judged. Layer and gate are those of ``orthogonal_efficacy``.
Epsilon-null is meant at the largest strength, so that the direction is null at all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, result
from llm_validation.claims.completions.behaviour import (
    UNIT,
    Behaviour,
    Scored,
    behaviour,
    behaviour_prediction,
    closed,
    efficacy,
    raw_ratio,
    scored,
)
from llm_validation.claims.completions.dose_response import SLOPE, Dose, slope_arm, slope_row
from llm_validation.claims.completions.gate import (
    broken_on_development,
    choose,
    gradients,
    traits,
    unusable,
)
from llm_validation.claims.completions.gate import preparation as gate_preparation
from llm_validation.claims.completions.relative_size import SMALL, SYMMETRIC, small
from llm_validation.claims.completions.relative_size import UNIT as RMS
from llm_validation.claims.displacement import controls as steering
from llm_validation.claims.judgement import (
    EPSILON,
    reported,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "strength_sweep"
NUMBER = 4
THEOREM = "N8"
TITLE = "dose and response of v, with and without an orthogonal direction"
SCALES = frozenset({Scale.THIN, Scale.FULL})

STRENGTHS = {
    Scale.THIN: (0.5, 1.0, 2.0),
    Scale.FULL: tuple(0.25 * step for step in range(1, 9)),
}
DRAWS = {Scale.THIN: steering.Draws(1, 1), Scale.FULL: steering.Draws(3, 3)}
ROUNDS = {Scale.THIN: 0, Scale.FULL: 1}  # neutral prompts for each pair

_GATE_COLUMNS = 3  # zero, v and -v at the strength that was chosen


def preparation(setting: Setting) -> list[Cell]:
    """Spectra, vectors, and scores and gradients on development completions."""
    cells = gate_preparation(setting)
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """Slopes from the gradient, and equivalence at each strength."""
    return [arm for trait in traits(setting) for arm in _arms(setting, trait)]


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Score the held-out completions at every strength, if the gate is open."""
    found = _found(setting, arms)
    return [
        (_strength_row if arm.data.predicted is None else slope_row)(
            setting, arm, found[arm.data.behaviour]
        )
        for arm in arms
    ]


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Effect and perplexity of the completions at every strength of v and of both sums."""
    found, points = _found(setting, arms), []
    for arm in arms:
        if arm.data.predicted is None:
            continue
        here, name = found[arm.data.behaviour], arm.prediction.arm.removeprefix(SLOPE)
        zero = np.zeros((1, arm.data.columns.shape[1]), dtype=int)
        for alpha, columns in zip(
            (0.0, *arm.data.strengths), np.vstack([zero, arm.data.columns]), strict=True
        ):
            effects = here.effects[:, columns]
            mean = cluster_bootstrap(
                lambda x: x.mean(axis=1), [effects.mean(axis=1)], rng=setting.rng(NAME, "curve")
            )
            positive, negative = here.per_token[:, columns].mean(axis=(0, 1))
            points.append(
                {
                    "trait": arm.prediction.trait,
                    "layer": arm.prediction.layer,
                    "arm": name,
                    "alpha": alpha,
                    "effect": mean.estimate,
                    "interval": (mean.low, mean.high),
                    "draws": effects.mean(axis=0),
                    "score": float(here.scores[:, columns].mean()),
                    "perplexity_positive": math.exp(-positive),
                    "perplexity_negative": math.exp(-negative),
                    "gate": here.gate.reason,
                }
            )
    return points


def _found(setting: Setting, arms: Sequence[Arm]) -> dict[Behaviour, Scored]:
    return {each: scored(setting, each) for each in {arm.data.behaviour for arm in arms}}


def _arms(setting: Setting, trait: str) -> list[Arm]:
    if reason := unusable(setting.traits[trait]):
        stated = behaviour_prediction(NAME, setting.layers[0], trait, "all", 1.0, None, None)
        return [Arm(stated, (), None, reason)]
    choice, strengths = choose(setting, trait), STRENGTHS[setting.scale]
    layer, vector = choice.layer, setting.vector(trait, choice.layer)
    radius = max(strengths) * float(np.linalg.norm(vector))
    directions = steering.orthogonal_directions(
        setting, layer, trait, EPSILON, radius, DRAWS[setting.scale]
    )
    kinds = {steering.VECTOR: vector[None]} | {
        steering.added(name): vector + directions[name] for name in (steering.RANDOM, steering.NULL)
    }
    everything = np.concatenate(list(kinds.values()))
    moved = [choice.alpha * np.array([0.0, 1.0, -1.0])[:, None] * vector]
    moved += [alpha * everything for alpha in strengths]
    measured = behaviour(setting, trait, layer, np.concatenate(moved), ROUNDS[setting.scale])
    first = _GATE_COLUMNS + len(everything) * np.arange(len(strengths))  # v at each strength
    weights, arms, start = gradients(setting, trait, layer), [], 0
    for name, vectors in kinds.items():
        columns = first[:, None] + start + np.arange(len(vectors))
        start += len(vectors)
        missing = None if len(vectors) else "the setting leaves no such vector"
        drawn = steering.as_drawn(name, len(vectors))
        if name != steering.VECTOR:
            for place, alpha in enumerate(strengths):
                dose = Dose(measured, (alpha,), columns[[place]], first[[place]])
                for arm, value, unit in ((drawn, 1.0, UNIT), (drawn + SMALL, 0.0, RMS)):
                    stated = behaviour_prediction(
                        NAME, layer, trait, arm, alpha, None if missing else value, None, unit=unit
                    )
                    arms.append(Arm(stated, measured.cells, dose, missing))
        slopes = weights @ vectors.mean(axis=0) if len(vectors) else np.zeros(0)
        dose = Dose(measured, strengths, columns, first, slopes)
        arms.append(slope_arm(setting, NAME, layer, trait, drawn, dose, missing))
    return arms


def _strength_row(setting: Setting, arm: Arm, found: Scored) -> ClaimResult:
    effects = found.effects[:, arm.data.columns[0]]
    (column,) = arm.data.reference
    reference, rng = found.effects[:, column], setting.rng(NAME, "measured")
    own = cluster_bootstrap(lambda x: x.mean(axis=1), [reference], rng=rng)
    value, judged = None, arm.prediction.arm.endswith(SMALL)
    if not found.gate.passed:
        verdict = closed(found.gate.reason, judged=judged)
    elif own.low <= 0:
        low, high = own.low, own.high
        reason = f"gate: v's own effect here in [{low:+.3g}, {high:+.3g}] nats per token"
        verdict = closed(reason, judged=judged)
    elif judged:
        value, verdict = small(effects - reference[:, None], reference, rng)
    else:
        value, verdict = efficacy(effects, reference, rng), SYMMETRIC
    stated = arm.prediction
    if broken_on_development(setting, stated.trait, stated.layer, stated.alpha):
        verdict = reported(verdict)
    return result(
        setting,
        arm.prediction,
        value,
        verdict,
        seeds=effects.shape[1],
        n_prompts=found.n_prompts,
        paper_statistic=raw_ratio(found.scores[:, arm.data.columns[0]], found.scores[:, column]),
    )

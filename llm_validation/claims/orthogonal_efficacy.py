r"""Efficacy of v with an orthogonal direction added, and of that direction alone (N8, N9).

The paper's Figure 1. For a score with gradient w at angle θ to v a norm-matched random orthogonal
direction changes the score, relative to v's effect, by a zero-mean amount of RMS
|tan θ|/√(d − 1). So two claims are told apart that the paper's raw ratio confounds:

* **v + random ⊥** is as good as v: what the direction changes of v's effect is at most 20 % of it,
  RMS over directions;
* **random ⊥ alone** does next to nothing: the RMS of its effect is at most 20 % of v's, and it is
  what θ says, within a factor of two. The paper reads it as near 1.

Signed means over directions are reported: they are 0 and 1 by symmetry, whatever the model does.
The same for epsilon-null directions, added and alone. For the most observable directions the
first-order effect of each is predicted. First-order numbers are judged at strengths up to 0.5;
statements of equivalence at the strength chosen on development completions, whatever it is. The
other arms are reported. Where the gate is closed nothing is equivalent to anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, result
from llm_validation.claims.completions.behaviour import (
    Behaviour,
    Scored,
    behaviour,
    behaviour_prediction,
    closed,
    efficacy,
    raw_ratio,
    scored,
    within_fifth,
)
from llm_validation.claims.completions.gate import choose, gradients, traits, unusable
from llm_validation.claims.completions.gate import preparation as gate_preparation
from llm_validation.claims.completions.relative_size import (
    SMALL,
    SYMMETRIC,
    relative_size,
    size_of_drawn,
    small,
)
from llm_validation.claims.completions.relative_size import UNIT as RMS
from llm_validation.claims.completions.score_slopes import ScoreSlopes
from llm_validation.claims.displacement import controls as steering
from llm_validation.claims.judgement import (
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    reported,
    within_band,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "orthogonal_efficacy"
NUMBER = 3
THEOREM = "N8"
TITLE = "an orthogonal direction added leaves v's efficacy; alone it has next to none"
SCALES = frozenset(Scale)

DRAWS = {
    Scale.QUICK: steering.Draws(3, 1),
    Scale.THIN: steering.Draws(5, 1),
    Scale.FULL: steering.Draws(10, 3),
}
ROUNDS = {Scale.QUICK: 0, Scale.THIN: 0, Scale.FULL: 3}
"""Neutral prompts for each pair of completions."""

TYPICAL = f"{steering.alone(steering.RANDOM)}, RMS"
_SAME = {steering.added(name) for name in (steering.RANDOM, steering.NULL)}
_NONE = {steering.alone(name) for name in (steering.RANDOM, steering.NULL)}
_FIRST_ORDER = {
    TYPICAL,
    steering.alone(steering.VISIBLE),
    steering.added(steering.VISIBLE),
}


@dataclass(frozen=True, eq=False)
class Efficacy:
    """``Arm.data``: what kind of arm, which displacements are its own, and how far the first order
    predicts."""

    kind: str
    columns: slice
    slopes: ScoreSlopes
    behaviour: Behaviour


def preparation(setting: Setting) -> list[Cell]:
    """Spectra, vectors, and scores and gradients on development completions."""
    cells = gate_preparation(setting)
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State every number at the layer and strength that development completions chose."""
    return [arm for trait in traits(setting) for arm in _arms(setting, trait)]


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Score the held-out completions in every arm, if the gate is open."""
    found = _found(setting, arms)
    return [_row(setting, arm, found[arm.data.behaviour]) for arm in arms]


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Every draw of every arm: mean effect, efficacy (None where gated out), the paper's ratio."""
    found, points = _found(setting, arms), []
    for arm in arms:
        if arm.data.kind == TYPICAL or arm.data.kind.endswith(SMALL):
            continue
        here = found[arm.data.behaviour]
        means, scores = here.effects.mean(axis=0), here.scores
        for draw, column in enumerate(range(arm.data.columns.start, arm.data.columns.stop)):
            points.append(
                {
                    "trait": arm.prediction.trait,
                    "layer": arm.prediction.layer,
                    "alpha": arm.prediction.alpha,
                    "arm": arm.prediction.arm,
                    "draw": draw,
                    "effect": float(means[column]),
                    "efficacy": float(means[column] / means[1]) if here.gate.passed else None,
                    "raw_ratio": raw_ratio(scores[:, column], scores[:, 1]),
                    "gate": here.gate.reason,
                }
            )
    return points


def _found(setting: Setting, arms: Sequence[Arm]) -> dict[Behaviour, Scored]:
    """What each trait's completions scored."""
    return {each: scored(setting, each) for each in {arm.data.behaviour for arm in arms}}


def _arms(setting: Setting, trait: str) -> list[Arm]:
    if reason := unusable(setting.traits[trait]):
        stated = behaviour_prediction(NAME, setting.layers[0], trait, "all", 1.0, None, None)
        return [Arm(stated, (), None, reason)]
    choice, draws = choose(setting, trait), DRAWS[setting.scale]
    layer, alpha = choice.layer, choice.alpha
    steered = steering.steering_arms(
        setting, layer, trait, epsilon=EPSILON, alpha=alpha, draws=draws
    )
    slopes = ScoreSlopes(gradients(setting, trait, layer), setting.vector(trait, layer))
    displacements = alpha * np.concatenate([arm.vectors for arm in steered])
    measured = behaviour(setting, trait, layer, displacements, ROUNDS[setting.scale])
    ends = np.cumsum([0] + [arm.draws for arm in steered])
    arms = []
    for arm, start, stop in zip(steered, ends, ends[1:], strict=False):
        value, interval = _prediction(setting, arm, slopes)
        name = steering.as_drawn(arm.name, arm.draws)
        stated = behaviour_prediction(NAME, layer, trait, name, alpha, value, interval)
        data = Efficacy(arm.name, slice(int(start), int(stop)), slopes, measured)
        missing = None if arm.draws else "the setting leaves no such vector"
        arms.append(Arm(stated, measured.cells, data, missing))
        if arm.name in _SAME | _NONE:
            least = None if missing else 0.0
            limit = replace(
                stated, arm=name + SMALL, unit=RMS, prediction=least, prediction_interval=None
            )
            size = replace(data, kind=arm.name + SMALL)
            arms.append(Arm(limit, measured.cells, size, missing))
        if arm.name == steering.alone(steering.RANDOM):
            typical = slopes.typical_interval(setting.rng(NAME, "typical"))
            of_rms = replace(
                stated,
                arm=TYPICAL,
                prediction=typical.estimate,
                prediction_interval=(typical.low, typical.high),
                margin=LOG_BAND,
            )
            arms.append(Arm(of_rms, measured.cells, replace(data, kind=TYPICAL)))
    return arms


def _prediction(
    setting: Setting, arm: steering.SteeringArm, slopes: ScoreSlopes
) -> tuple[float | None, tuple[float, float] | None]:
    """Efficacy of an arm: 1 or 0 where that is the claim, else to first order."""
    if not arm.draws:
        return None, None
    rng = setting.rng(NAME, "prediction")
    if arm.name in _SAME | _NONE:
        centre = float(arm.name in _SAME)
        if steering.RANDOM not in arm.name:
            return centre, None
        reach = 1.96 * slopes.typical_interval(rng).estimate / arm.draws**0.5
        return centre, (centre - reach, centre + reach)
    value = slopes.efficacy(arm.vectors, rng)
    return value.estimate, (value.low, value.high)


def _row(setting: Setting, arm: Arm, found: Scored) -> ClaimResult:
    kind, columns = arm.data.kind, arm.data.columns
    judged = kind.endswith(SMALL) or (
        kind in _FIRST_ORDER and arm.prediction.alpha <= FIRST_ORDER_STRENGTH
    )
    effects, reference = found.effects[:, columns], found.effects[:, 1]
    rng, value, power = setting.rng(NAME, "measured"), None, None
    if not found.gate.passed:
        verdict = closed(found.gate.reason, judged=judged)
    elif kind.endswith(SMALL):
        added = kind.removesuffix(SMALL) in _SAME
        value, verdict = small(effects - reference[:, None] if added else effects, reference, rng)
    elif kind in _SAME | _NONE:
        value, verdict = efficacy(effects, reference, rng), SYMMETRIC
    elif kind == TYPICAL:
        value, verdict = _typical(effects, reference, arm.data.slopes, rng)
    else:
        value = efficacy(effects, reference, rng)
        centre = float(arm.prediction.prediction or 0.0)
        verdict, power = within_fifth(value, effects, reference, centre)
    return result(
        setting,
        arm.prediction,
        value,
        verdict if judged else reported(verdict),
        seeds=effects.shape[1],
        n_prompts=found.n_prompts,
        power=power,
        paper_statistic=raw_ratio(found.scores[:, columns], found.scores[:, 1]),
    )


def _typical(
    effects: np.ndarray, reference: np.ndarray, slopes: ScoreSlopes, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
    """RMS over draws relative to v's effect, against what the slopes say."""
    value = relative_size(effects, reference, rng)
    log_ratio = cluster_bootstrap(
        lambda rows, draws, w: np.log(size_of_drawn(rows, draws) / slopes.typical(w)),
        [np.column_stack([effects, reference]), np.arange(effects.shape[1]), slopes.coordinates],
        rng=rng,
    )
    return value, within_band(log_ratio)

r"""What has to hold before a trait's behaviour is compared between arms.

1. The *scorer is valid* for the trait: told outright which way to answer, the model finds the
   completions of that side likelier, pair by pair (``scoring.positive_control``).
2. Layer and strength are *chosen on development completions* (split ``choose``) and then frozen.
   Among those at which the text is not broken it is the one with the largest
   min(t(v), -t(-v)), t the paired t statistic of the change of the score.
3. On *held-out* completions v raises the score and -v lowers it, each by a one-sided test at 2.5 %,
   and the text is not broken.

Without all of them there is no effect to be equivalent to, and every verdict is inconclusive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.completions.broken_text import broken, broken_at, lost
from llm_validation.dataset import LabelledCompletion, Trait
from llm_validation.scale import Scale
from llm_validation.scoring.log_odds import settings
from llm_validation.scoring.positive_control import control_questions, control_validity
from llm_validation.scoring.validity import Validity
from llm_validation.setting import Setting

STRENGTHS = {
    Scale.QUICK: (1.0,),
    Scale.THIN: (0.5, 1.0, 2.0),
    Scale.FULL: (0.5, 1.0, 2.0),
}
"""From which one is chosen: those of the paper's sweep; at quick scale the paper's own."""

PAIRS = {
    Scale.QUICK: {"choose": 4, "held_out": 6},
    Scale.THIN: {"choose": 8, "held_out": 12},
    Scale.FULL: {"choose": 20, "held_out": 20},
}
"""Most pairs of completions of each split that are scored; the shipped traits have 12 or 13."""


def unusable(trait: Trait) -> str:
    """Why a trait's behaviour cannot be scored at all; an empty text if it can."""
    if trait.instructions is None:
        return 'scorer not valid: the trait has no "instructions" to validate it by'
    for split in ("choose", "held_out"):
        if sum(pair.split == split for pair in trait.completions) < 2:
            return f"scorer not valid: fewer than two completions of split {split!r}"
    return ""


def scored_pairs(setting: Setting, trait: str, split: str) -> list[LabelledCompletion]:
    """The first pairs of a split, as many as the scale scores."""
    some = [pair for pair in setting.traits[trait].completions if pair.split == split]
    return some[: PAIRS[setting.scale][split]]


# Choice, on development completions


@dataclass(frozen=True)
class Choice:
    """Layer and strength, with the smaller of the two t statistics that chose them."""

    layer: int
    alpha: float
    statistic: float


def development_cells(setting: Setting, trait: str) -> list[Cell]:
    """Scores of the development completions under v and -v at every layer, a pair a cell."""
    return [cell for layer in setting.layers for cell in _development_cells(setting, trait, layer)]


def gradient_cells(setting: Setting, trait: str, layer: int) -> list[Cell]:
    """The score's gradient on each development completion."""
    return [
        setting.cell("score_gradient", f"gradient {trait}", **question, layer=layer)
        for question in _questions(setting, trait, "choose")
    ]


def gradients(setting: Setting, trait: str, layer: int) -> np.ndarray:
    """(n, d) w of the development completions, in nats per token per unit of the state."""
    return np.array(
        [setting.of(cell)["gradient"] for cell in gradient_cells(setting, trait, layer)]
    )


def preparation(setting: Setting) -> list[Cell]:
    """All that ``choose`` and ``gradients`` need, for every trait that is and can be scored."""
    cells = setting.vector_cells()
    for trait in traits(setting):
        if not unusable(setting.traits[trait]):
            cells += development_cells(setting, trait)
            for layer in setting.layers:
                cells += gradient_cells(setting, trait, layer)
    return cells


def traits(setting: Setting) -> list[str]:
    """Traits whose behaviour is scored: at quick scale the first alone."""
    names = list(setting.traits)
    return names[:1] if setting.scale is Scale.QUICK else names


def choose(setting: Setting, trait: str) -> Choice:
    """Layer and strength for a trait, from development completions alone."""
    choices: list[tuple[bool, Choice]] = []
    for layer in setting.layers:
        per_token = _development(setting, trait, layer)
        up, down = np.split(per_token[:, 1:], 2, axis=1)  # of v, of -v
        for place, alpha in enumerate(STRENGTHS[setting.scale]):
            rows = per_token[:, 0], up[:, place], down[:, place]
            effects = [row @ (1.0, -1.0) - rows[0] @ (1.0, -1.0) for row in rows[1:]]
            statistic = min(_t(effects[0]), -_t(effects[1]))
            choices.append((broken(*rows), Choice(layer, alpha, statistic)))
    sound = [choice for is_broken, choice in choices if not is_broken]
    return max(sound or [choice for _, choice in choices], key=lambda choice: choice.statistic)


def broken_on_development(setting: Setting, trait: str, layer: int, alpha: float) -> bool:
    """Whether v breaks the text at a strength, by the development completions that it favours."""
    per_token, strengths = _development(setting, trait, layer), STRENGTHS[setting.scale]
    ups = per_token[:, 1 : 1 + len(strengths)]
    losses = [lost(per_token[:, 0], ups[:, place], 0) for place in range(len(strengths))]
    return broken_at(alpha, np.array(strengths), np.array(losses))


# Validity and gate, on held-out completions


def control_cells(setting: Setting, trait: str) -> list[Cell]:
    """Completions after either instruction, unsteered."""
    return [
        setting.cell("unsteered_log_likelihoods", f"positive control {trait}", **question)
        for question in control_questions(setting.model, setting.traits[trait])
    ]


def validity(setting: Setting, trait: str) -> Validity:
    """Of the log-odds of a trait, by the cells of ``control_cells``."""
    found = [setting.of(cell) for cell in control_cells(setting, trait)]
    return control_validity(setting.traits[trait], found)


@dataclass(frozen=True)
class Gate:
    """Whether behaviour may be compared, why not, and the effects of v and -v if they were looked
    at, in nats per token."""

    passed: bool
    reason: str
    up: Interval | None = None
    down: Interval | None = None


def gate(
    valid: Validity,
    unsteered: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    rng: np.random.Generator,
) -> Gate:
    """The gate of a trait, from held-out completions.

    Parameters
    ----------
    valid
        Of the scorer.
    unsteered, up, down
        (n, 2) log-likelihoods per token of positive and negative completions, by cluster; under v;
        under -v.
    """
    if not valid.valid:
        return Gate(False, valid.reason)
    base = unsteered @ (1.0, -1.0)
    rising, falling = (
        cluster_bootstrap(lambda x: x.mean(axis=1), [side @ (1.0, -1.0) - base], rng=rng)
        for side in (up, down)
    )
    found = (
        f"v {rising.estimate:+.3g} [{rising.low:+.3g}, {rising.high:+.3g}], "
        f"-v {falling.estimate:+.3g} [{falling.low:+.3g}, {falling.high:+.3g}] nats per token"
    )
    if rising.low <= 0:
        reason = f"gate: v does not beat the unsteered arm: {found}"
    elif falling.high >= 0:
        reason = f"gate: -v does not go the other way: {found}"
    elif broken(unsteered, up, down):
        reason = f"gate: favoured completions at more than twice their perplexity: {found}"
    else:
        return Gate(True, f"gate passed: {found}", rising, falling)
    return Gate(False, reason, rising, falling)


def _development(setting: Setting, trait: str, layer: int) -> np.ndarray:
    """(n, 1 + 2 S, 2) log-likelihoods per token: unsteered, under v at S strengths, under -v."""
    found = [setting.of(cell) for cell in _development_cells(setting, trait, layer)]
    return np.array([one["log_likelihood"] / one["tokens"] for one in found])


def _development_cells(setting: Setting, trait: str, layer: int) -> list[Cell]:
    strengths = STRENGTHS[setting.scale]
    steps = np.array([0.0, *strengths, *(-strength for strength in strengths)])
    return [
        setting.cell(
            "completion_log_likelihoods",
            f"development {trait}, layer {layer}",
            **question,
            layer=layer,
            displacements=np.outer(steps, setting.vector(trait, layer)),
        )
        for question in _questions(setting, trait, "choose")
    ]


def _questions(setting: Setting, trait: str, split: str) -> list[dict[str, Any]]:
    return [settings(setting.model, pair) for pair in scored_pairs(setting, trait, split)]


def _t(values: np.ndarray) -> float:
    """Of the mean; infinite where there is no variation."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0

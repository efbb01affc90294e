"""Rows about columns of two halves: agreement beyond a surrogate's, and of every column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval
from identifiability.statistics.jackknife import t_interval
from llm_validation.claims.activations.half_agreement import (
    BLOCKS,
    SURROGATES,
    TURNING,
    Columns,
    Environment,
    agreement,
    jackknife_errors,
    summary,
    surrogate_summaries,
)
from llm_validation.claims.claim import (
    ANY,
    Arm,
    ClaimResult,
    Judgement,
    Outcome,
    Prediction,
    result,
)
from llm_validation.claims.judgement import at_least
from llm_validation.setting import Setting

MEAN, MINIMUM = "columns, mean", "columns, minimum"
_DRAWN = 5  # surrogates in a curve, which is for the eye


@dataclass(frozen=True)
class Halves:
    """What two halves show at a layer; everything but ``second`` is known beforehand.

    Attributes
    ----------
    columns
        The procedure.
    first, second
        White states of each environment, with groups; the second half is read when it is measured.
    surrogate
        From the number of a draw to the agreement of two halves without what the theorem needs.
    foreseen
        What the conditions say on the first half, in words.
    expected
        Whether they, and the number of samples, let every column be found.
    """

    columns: Columns
    first: Sequence[Environment]
    second: Callable[[], Sequence[Environment]]
    surrogate: Callable[[Sequence[Environment], int], np.ndarray]
    foreseen: str
    expected: bool


def half_arms(
    claim: str,
    theorem: str,
    layer: int,
    cells: Sequence[Cell],
    halves: Halves,
    ceiling: np.ndarray,
) -> list[Arm]:
    """Mean and minimum over columns; ``ceiling`` (draws, 2) is what is expected of both."""
    arms = []
    for place, (name, margin) in enumerate(((MEAN, 0.0), (MINIMUM, TURNING))):
        low, high = np.quantile(ceiling[:, place], (0.025, 0.975))
        prediction = Prediction(
            claim=claim,
            theorem=theorem,
            layer=layer,
            trait=ANY,
            arm=name,
            alpha=0.0,
            prediction=float(ceiling[:, place].mean()),
            prediction_interval=(float(low), float(high)),
            margin=margin,
            unit="|cosine| in white coordinates",
            observable="states at many tokens",
        )
        arms.append(Arm(prediction, tuple(cells), halves))
    return arms


def half_rows(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Rows of the arms of one layer, which share what is computed."""
    halves: Halves = arms[0].data
    second = halves.second()
    own = summary(agreement(halves.columns, halves.first, second))
    rng = setting.rng(arms[0].prediction.claim, "jackknife")
    errors = jackknife_errors(halves.columns, halves.first, second, rng)
    surrogates = surrogate_summaries(lambda number: halves.surrogate(second, number))
    groups = sum(len(np.unique(labels)) for half in (halves.first, second) for _, labels in half)
    rows = []
    for arm in arms:
        place = int(arm.prediction.arm == MINIMUM)
        value = _cosine(t_interval(float(own[place]), float(errors[place]), BLOCKS - 1))
        chance = float(np.quantile(surrogates[:, place], 0.975))
        judgement = (_minimum if place else _mean)(value, arm, chance)
        reason = f"{judgement.reason}; surrogates have {surrogates[:, place].mean():.2f}"
        reason += f" on average; conditions beforehand: {halves.foreseen}"
        rows.append(
            result(
                setting,
                arm.prediction,
                value,
                replace(judgement, reason=reason),
                seeds=SURROGATES,
                n_prompts=groups,
            )
        )
    return rows


def half_curve(setting: Setting, arm: Arm) -> dict[str, Any]:
    """Agreement of every column, in descending order; of a layer's arms any one will do.

    ``same_data``: of two runs of the procedure on the first half, which shows no identifiability.
    ``surrogate``: the mean over a few surrogates.
    """
    halves: Halves = arm.data
    second = halves.second()
    drawn = [-np.sort(-halves.surrogate(second, number)) for number in range(_DRAWN)]
    return {
        "layer": arm.prediction.layer,
        "halves": -np.sort(-agreement(halves.columns, halves.first, second)),
        "same_data": -np.sort(-agreement(halves.columns, halves.first, halves.first)),
        "surrogate": np.mean(drawn, axis=0),
    }


def _cosine(value: Interval) -> Interval:
    """Its ends are cosines too."""
    return replace(value, low=max(value.low, 0.0), high=min(value.high, 1.0))


def _mean(value: Interval, arm: Arm, chance: float) -> Judgement:
    return at_least(value, chance, "(97.5 % of surrogates)")


def _minimum(value: Interval, arm: Arm, chance: float) -> Judgement:
    """Beyond a column that turns in a plane; nothing follows where none would be found."""
    judgement = at_least(value, max(TURNING, chance), "(turning in a plane, or by chance)")
    low, _ = arm.prediction.prediction_interval or (0.0, 0.0)
    if judgement.outcome is Outcome.CONFIRMED or (arm.data.expected and low >= TURNING):
        return judgement
    words = f"at this size even what meets the conditions may show {low:.2f}"
    return Judgement(Outcome.INCONCLUSIVE, f"{judgement.reason}; {words}")

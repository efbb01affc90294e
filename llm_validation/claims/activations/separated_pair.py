"""The row of claim 16 about R3b's premise, on a pair of columns picked on other data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.recovery import CovarianceRecovery
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.activations.dependent_pair import group_moments
from llm_validation.claims.activations.half_agreement import Environment
from llm_validation.claims.claim import ANY, Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import at_least
from llm_validation.setting import Setting

ARM = "least separated pair"


@dataclass(frozen=True)
class SeparatedPair:
    """``Arm.data``: rows (2, k) that unmix the pair, larger ratio first, and the second half."""

    unmixing: np.ndarray
    second: Callable[[], Sequence[Environment]]


def separation_arm(
    claim: str,
    layer: int,
    cells: Sequence[Cell],
    fitted: CovarianceRecovery | None,
    unmeasurable: str | None,
    second: Callable[[], Sequence[Environment]] = tuple,
) -> Arm:
    """For the pair of the first half whose log variance ratios differ least; None if unfitted."""
    value, data = None, None
    if fitted is not None:
        # Columns come in the order of their ratios, so that the nearest two are neighbours.
        ratios = np.log(fitted.profiles_[:, 1] / fitted.profiles_[:, 0])
        place = int(np.argmin(ratios[:-1] - ratios[1:]))
        value = float(ratios[place] - ratios[place + 1])
        unmixing = np.linalg.inv(fitted.mixing_)
        data = SeparatedPair(unmixing[place : place + 2], second)
    prediction = Prediction(
        claim=claim,
        theorem="R3b",
        layer=layer,
        trait=ANY,
        arm=ARM,
        alpha=0.0,
        prediction=value,
        prediction_interval=None,
        margin=CovarianceRecovery().margin,
        unit="difference of log variance ratios",
        observable="states at many tokens",
    )
    return Arm(prediction, () if unmeasurable else tuple(cells), data, unmeasurable)


def separation_row(setting: Setting, arm: Arm) -> ClaimResult:
    """With groups as clusters in each environment; the unmixing stays that of the first half."""
    rows = []
    for states, labels in arm.data.second():
        larger, smaller = arm.data.unmixing @ states.T
        rows.append(group_moments(larger, smaller, labels))
    rng = setting.rng(arm.prediction.claim, ARM)
    value = cluster_bootstrap(separation, rows, rng=rng)
    judgement = at_least(value, arm.prediction.margin, "in log variance ratios")
    count = sum(map(len, rows))
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=count)


def separation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(R,) from moments (R, groups, 6) of the pair in two environments."""
    ratios = np.log(_variances(second)) - np.log(_variances(first))
    return ratios[:, 0] - ratios[:, 1]


def _variances(rows: np.ndarray) -> np.ndarray:
    """(R, 2)."""
    count, a, b, aa, bb, _ = np.moveaxis(rows.sum(axis=1), -1, 0)
    return np.stack([aa / count - (a / count) ** 2, bb / count - (b / count) ** 2], axis=1)

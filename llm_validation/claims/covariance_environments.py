r"""Two environments' covariances bring identifiability back: do they, for activations (R3b)?

States at many tokens of the traits' own pairs are one environment, those of their shifted ones
(topic, genre, safety style) the other; Sigma_e = A Lambda_e A^T on the leading principal components
of what both have within themselves. One half of the groups of prompts makes the predictions, the
other is measured. Rows at each layer:

* **least separated pair**: R3b's premise. Of the two columns whose variance profiles are nearest
  in the first half, the log variance ratios differ in the second too, unmixed as in the first.
* **columns, mean**: |cosine| between the halves' columns, matched, above that of surrogates with
  the same covariance in both environments: labels of environments exchanged between groups.
* **columns, minimum**: the paper's sentence, for every column. Judged where two resamples of the
  first half agree in every column; where they do not, the sample is too small.

Two positive definite matrices always have a common diagonaliser: that the *mixing* is the same in
both environments is assumed, and agreement of halves does not show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.joint_diagonalisation import joint_diagonaliser
from identifiability.recovery import CovarianceRecovery
from identifiability.recovery.covariance import in_order
from identifiability.recovery.covariance_input import as_states, second_moments
from llm_validation.claims.activations.half_agreement import (
    Environment,
    WhiteProjection,
    agreement,
    surrogate_summaries,
)
from llm_validation.claims.activations.half_agreement_rows import (
    MEAN,
    MINIMUM,
    Halves,
    half_arms,
    half_curve,
    half_rows,
)
from llm_validation.claims.activations.separated_pair import ARM, separation_arm, separation_row
from llm_validation.claims.activations.token_sources import (
    Half,
    TokenSource,
    pair_source,
    token_cells,
    token_states,
)
from llm_validation.claims.claim import Arm, ClaimResult
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "covariance_environments"
NUMBER = 16
THEOREM = "R3b"
TITLE = "covariances of two environments bring identifiability back"
SCALES = frozenset({Scale.THIN, Scale.FULL})

MOST = {Scale.QUICK: 3, Scale.THIN: 5, Scale.FULL: 10}
"""Principal components at most."""

GROUPS_EACH = 10
"""Groups in a half of each environment for each component, as ``CovarianceRecovery`` asks."""

ORDINARY = "in_distribution"
"""Name of the environment that is no shift: it joins the trait's own pairs."""

TOO_FEW = (
    f"fewer than {2 * GROUPS_EACH} groups in a half of an environment: the traits need environments"
    f" other than {ORDINARY} with more contexts"
)


def sources(setting: Setting) -> tuple[list[TokenSource], list[TokenSource]]:
    """Ordinary ones and shifted ones."""
    ordinary, shifted = [], []
    for name, trait in setting.traits.items():
        ordinary.append(pair_source(setting, name, trait.pairs))
        for environment, pairs in trait.environments.items():
            source = pair_source(setting, f"{name}, {environment}", pairs)
            (ordinary if environment == ORDINARY else shifted).append(source)
    return ordinary, shifted


def preparation(setting: Setting) -> list[Cell]:
    """States of the first half."""
    return _cells(setting, "predicting")


def predict(setting: Setting) -> list[Arm]:
    """State what the first half shows, and what two halves like it would agree in."""
    environments = sources(setting)
    cells = _cells(setting, "measuring")
    arms = []
    for layer in setting.layers:
        count = components(setting, environments)
        if count < 2:
            arms.append(separation_arm(NAME, layer, cells, None, TOO_FEW))
            continue
        half = [token_states(setting, some, "predicting", layer) for some in environments]
        projection = WhiteProjection.of([states for states, _ in half], count)
        first = [(projection(states), labels) for states, labels in half]
        second = partial(_second_half, setting, environments, layer, projection)
        fitted = CovarianceRecovery().fit(
            [states for states, _ in first], groups=[labels for _, labels in first]
        )
        arms.append(separation_arm(NAME, layer, cells, fitted, None, second))
        arms += _columns_arms(setting, layer, cells, first, fitted, second)
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Hold the second half against it."""
    rows = []
    for _, some in groupby(arms, key=lambda arm: arm.prediction.layer):
        at_layer = list(some)
        rows += [separation_row(setting, a) for a in at_layer if a.prediction.arm == ARM]
        halves = [a for a in at_layer if a.prediction.arm in (MEAN, MINIMUM)]
        rows += half_rows(setting, halves) if halves else []
    return rows


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Agreement of every column at each layer."""
    return [half_curve(setting, arm) for arm in arms if arm.prediction.arm == MEAN]


def components(setting: Setting, environments: Sequence[Sequence[TokenSource]]) -> int:
    """k, by the smaller half of the environment with fewer groups; below two there is no pair."""
    groups = min(sum(len(source.groups) // 2 for source in some) for some in environments)
    return min(MOST[setting.scale], groups // GROUPS_EACH)


def diagonalising_columns(environments: Sequence[np.ndarray], number: int) -> np.ndarray:
    """(k, k), the same for both halves: nothing in it is random."""
    return in_order(joint_diagonaliser(*second_moments(as_states(environments)))).mixing


def exchanged(rng: np.random.Generator, half: Sequence[Environment]) -> list[Environment]:
    """Groups dealt to the environments anew, as many to each as it had.

    Each group comes less its environment's mean, so that means do not turn into covariance.
    """
    groups = [
        states[labels == label] - states.mean(axis=0)
        for states, labels in half
        for label in np.unique(labels)
    ]
    dealt = iter(rng.permutation(len(groups)))
    return [_joined([groups[next(dealt)] for _ in np.unique(labels)]) for _, labels in half]


def resampled(rng: np.random.Generator, half: Sequence[Environment]) -> list[Environment]:
    """Groups of each environment drawn with replacement."""
    drawn = []
    for states, labels in half:
        groups = [states[labels == label] for label in np.unique(labels)]
        drawn.append(_joined([groups[g] for g in rng.integers(len(groups), size=len(groups))]))
    return drawn


def _joined(groups: Sequence[np.ndarray]) -> Environment:
    return np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(g) for g in groups])


def _columns_arms(
    setting: Setting,
    layer: int,
    cells: Sequence[Cell],
    first: Sequence[Environment],
    fitted: CovarianceRecovery,
    second: Callable[[], Sequence[Environment]],
) -> list[Arm]:
    def ceiling(number: int) -> np.ndarray:
        rng = setting.rng(NAME, layer, "resampled", number)
        return agreement(diagonalising_columns, resampled(rng, first), resampled(rng, first))

    def surrogate(measured: Sequence[Environment], number: int) -> np.ndarray:
        rng = setting.rng(NAME, layer, "exchanged", number)
        return agreement(diagonalising_columns, exchanged(rng, first), exchanged(rng, measured))

    halves = Halves(
        diagonalising_columns,
        first,
        second,
        surrogate,
        fitted.prediction_.failure_mode or "all hold",
        expected=True,
    )
    return half_arms(NAME, THEOREM, layer, cells, halves, surrogate_summaries(ceiling))


def _cells(setting: Setting, half: Half) -> list[Cell]:
    return [
        cell
        for some in sources(setting)
        for source in some
        for cell in token_cells(setting, source, half)
    ]


def _second_half(
    setting: Setting, environments: Any, layer: int, projection: WhiteProjection
) -> list[Environment]:
    half = [token_states(setting, some, "measuring", layer) for some in environments]
    return [(projection(states), labels) for states, labels in half]

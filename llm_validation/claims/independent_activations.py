r"""Independence brings identifiability back: does it, for activations (R1)?

States at many tokens are projected on their leading principal components and taken for h = A s. One
half of the prompts' groups makes the predictions, the other is measured. Rows at each layer:

* **most dependent pair**: R1's premise. Of the two sources that depend most in the first half, the
  moduli are as correlated in the second, unmixed as in the first, within 0.1;
* **most dependent pair, independent**: they are not, as R1 needs it.
* **columns, mean**: |cosine| between the halves' columns, matched, above that of Gaussian
  surrogates of equal covariance, which have nothing but second moments to be found by.
* **columns, minimum**: the paper's sentence, for every column. Judged where independent sources of
  the same marginals would be found at this sample size; where they would not, nothing follows.
* **aligned** and **along a column**, for each trait: |cosine| of its vector, from pairs of the
  second half, with the nearest column of the first, against random directions; and against 0.9, as
  ICA identifies a vector only along a column. All cosines in white coordinates.

Columns may agree although sources are dependent: then something other than R1 fixes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.recovery import ICARecovery
from llm_validation.claims.activations.column_alignment import alignment_arms, alignment_row
from llm_validation.claims.activations.dependent_pair import (
    ARM,
    INDEPENDENT,
    dependence_arms,
    dependence_row,
)
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
from llm_validation.claims.activations.token_sources import (
    Half,
    TokenSource,
    neutral_source,
    pair_source,
    token_cells,
    token_states,
)
from llm_validation.claims.claim import Arm, ClaimResult
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "independent_activations"
NUMBER = 12
THEOREM = "R1"
TITLE = "independence brings identifiability back"
SCALES = frozenset({Scale.THIN, Scale.FULL})

MOST = {Scale.QUICK: 5, Scale.THIN: 10, Scale.FULL: 20}
"""Principal components at most."""

GROUPS_EACH = 5
"""Groups of prompts in a half for each component, the fewest with which a component is more than
what a few texts are about."""

TOKENS_EACH = 10
"""Tokens in a half for each of the k(k + 1)/2 contracted fourth cumulants, as ``ICARecovery``
asks."""


_PAIR = (ARM, INDEPENDENT)


def sources(setting: Setting) -> list[TokenSource]:
    """The pairs of every trait, and the neutral prompts."""
    pairs = [pair_source(setting, name, trait.pairs) for name, trait in setting.traits.items()]
    return [*pairs, neutral_source(setting)]


def preparation(setting: Setting) -> list[Cell]:
    """States of the first half."""
    return _cells(setting, "predicting")


def predict(setting: Setting) -> list[Arm]:
    """State what conditions and independent sources of these marginals make of the first half."""
    everything = sources(setting)
    cells = _cells(setting, "measuring")
    arms = []
    for layer in setting.layers:
        states, labels = token_states(setting, everything, "predicting", layer)
        count = components(setting, len(states), len(np.unique(labels)))
        projection = WhiteProjection.of([states], count)
        white = projection(states)
        mixing = ica_columns([white], 0)
        unmixing = np.linalg.inv(mixing)
        second = partial(_second_half, setting, everything, layer, projection)
        found = white @ unmixing.T
        arms += dependence_arms(NAME, layer, cells, found, unmixing, second)
        arms += _columns_arms(setting, layer, cells, (white, labels), mixing, second)
        for source, trait in zip(everything, setting.traits, strict=False):
            arms += alignment_arms(setting, NAME, layer, trait, source, projection, mixing)
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Hold the second half against it."""
    rows = []
    for _, some in groupby(arms, key=lambda arm: arm.prediction.layer):
        at_layer = list(some)
        rows += [dependence_row(setting, a) for a in at_layer if a.prediction.arm in _PAIR]
        halves = [a for a in at_layer if a.prediction.arm in (MEAN, MINIMUM)]
        rows += half_rows(setting, halves) if halves else []
        rows += [
            alignment_row(setting, a)
            for a in at_layer
            if a.prediction.arm not in (*_PAIR, MEAN, MINIMUM)
        ]
    return rows


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Agreement of every column at each layer."""
    return [half_curve(setting, arm) for arm in arms if arm.prediction.arm == MEAN]


def components(setting: Setting, tokens: int, groups: int) -> int:
    """k for a half of so many tokens of so many groups; two at least."""
    # 10 k (k + 1)/2 <= n
    by_tokens = int((np.sqrt(1 + 8 * tokens / TOKENS_EACH) - 1) / 2)
    return max(2, min(MOST[setting.scale], by_tokens, groups // GROUPS_EACH))


def ica_columns(environments: Sequence[np.ndarray], number: int) -> np.ndarray:
    """(k, k) by FastICA. Each half starts elsewhere, so that a shared start is no agreement."""
    (states,) = environments
    return ICARecovery(random_state=number).fastica_columns(states)


def gaussian(rng: np.random.Generator, half: Sequence[Environment]) -> list[Environment]:
    """Gaussian states of the same covariance and number."""
    return [
        (rng.standard_normal(states.shape) @ np.linalg.cholesky(np.cov(states.T)).T, labels)
        for states, labels in half
    ]


def independent(
    rng: np.random.Generator, half: Environment, mixing: np.ndarray
) -> list[Environment]:
    """States of independent sources with the marginals found: each source's groups drawn anew.

    Groups stay whole, so that tokens depend on their neighbours as they do.
    """
    states, labels = half
    found = states @ np.linalg.inv(mixing).T
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = np.empty_like(found)
    for column in range(found.shape[1]):
        order = np.concatenate([rows[g] for g in rng.integers(len(rows), size=len(rows))])
        drawn[:, column] = found[np.resize(order, len(found)), column]
    return [(drawn @ mixing.T, labels)]


def _columns_arms(
    setting: Setting,
    layer: int,
    cells: Sequence[Cell],
    first: Environment,
    mixing: np.ndarray,
    second: Any,
) -> list[Arm]:
    def ceiling(number: int) -> np.ndarray:
        rng = setting.rng(NAME, layer, "independent", number)
        return agreement(
            ica_columns, independent(rng, first, mixing), independent(rng, first, mixing)
        )

    def surrogate(measured: Sequence[Environment], number: int) -> np.ndarray:
        rng = setting.rng(NAME, layer, "gaussian", number)
        return agreement(ica_columns, gaussian(rng, [first]), gaussian(rng, measured))

    fitted = ICARecovery().fit(first[0])
    holds = {condition.name: condition.holds for condition in fitted.conditions_}
    halves = Halves(
        ica_columns,
        [first],
        second,
        surrogate,
        fitted.prediction_.failure_mode or "all hold",
        expected=holds["at most one Gaussian"] is True,
    )
    return half_arms(NAME, THEOREM, layer, cells, halves, surrogate_summaries(ceiling))


def _cells(setting: Setting, half: Half) -> list[Cell]:
    return [cell for source in sources(setting) for cell in token_cells(setting, source, half)]


def _second_half(
    setting: Setting, everything: Sequence[TokenSource], layer: int, projection: WhiteProjection
) -> list[Environment]:
    states, labels = token_states(setting, everything, "measuring", layer)
    return [(projection(states), labels)]

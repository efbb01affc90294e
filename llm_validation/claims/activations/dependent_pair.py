"""Rows of claim 12 about R1's premise, on a pair of sources picked and unmixed on other data.

* **most dependent pair**: its moduli are as correlated as in the half that it was picked on;
* **most dependent pair, independent**: they are not correlated, which is R1's premise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.activations.half_agreement import Environment
from llm_validation.claims.claim import ANY, Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import at_most, within
from llm_validation.setting import Setting

ARM = "most dependent pair"
INDEPENDENT = f"{ARM}, independent"

NEGLIGIBLE = 0.1
"""Rank correlation of moduli below which a pair counts as independent: a hundredth of the variance,
Cohen's "small". A pair unmixed with an error of a tenth of a radian does not reach it. Two
correlations that are nearer than that are the same for this purpose; that the pair is the most
dependent one of many counts against the prediction."""


@dataclass(frozen=True)
class DependentPair:
    """``Arm.data``: rows (2, k) that unmix the pair, its sense, the half that it is measured on."""

    unmixing: np.ndarray
    sign: float
    second: Callable[[], Sequence[Environment]]


def dependence_arms(
    claim: str,
    layer: int,
    cells: Sequence[Cell],
    sources: np.ndarray,
    unmixing: np.ndarray,
    second: Callable[[], Sequence[Environment]],
) -> list[Arm]:
    """For the pair of sources (n, k) of the first half that depends most: as found, and as R1."""
    ranks = rankdata(np.abs(sources), axis=0)
    found = np.triu(np.corrcoef(ranks.T), 1)
    pair = np.unravel_index(int(np.argmax(np.abs(found))), found.shape)
    stated = Prediction(
        claim=claim,
        theorem="R1",
        layer=layer,
        trait=ANY,
        arm=ARM,
        alpha=0.0,
        prediction=float(np.abs(found[pair])),
        prediction_interval=None,
        margin=NEGLIGIBLE,
        unit="rank correlation of moduli",
        observable="states at many tokens",
    )
    data = DependentPair(unmixing[list(pair)], float(np.sign(found[pair])), second)
    premise = replace(stated, arm=INDEPENDENT, prediction=0.0)
    return [Arm(prediction, tuple(cells), data) for prediction in (stated, premise)]


def dependence_row(setting: Setting, arm: Arm) -> ClaimResult:
    """In the sense in which the first half found it: a correlation of the other sign is chance."""
    ((states, labels),) = arm.data.second()
    ranks = rankdata(np.abs(states @ arm.data.unmixing.T), axis=0)
    rows = group_moments(ranks[:, 0], arm.data.sign * ranks[:, 1], labels)
    rng = setting.rng(arm.prediction.claim, ARM)
    value = cluster_bootstrap(correlation, [rows], rng=rng)
    if arm.prediction.arm == INDEPENDENT:
        judgement = at_most(value, NEGLIGIBLE, "rank correlation")
    else:
        found = arm.prediction.prediction or 0.0
        low, high = found - NEGLIGIBLE, found + NEGLIGIBLE
        judgement = within(value, low, high, "rank correlation")
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=len(rows))


def group_moments(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(groups, 6) sums of 1, a, b, a^2, b^2 and ab over each group."""
    index = np.unique(labels, return_inverse=True)[1]
    terms = (np.ones_like(a), a, b, a * a, b * b, a * b)
    return np.column_stack([np.bincount(index, weights=term) for term in terms])


def correlation(rows: np.ndarray) -> np.ndarray:
    """(R,) from (R, groups, 6)."""
    count, *moments = np.moveaxis(rows.sum(axis=1), -1, 0)
    a, b, aa, bb, ab = (moment / count for moment in moments)
    return (ab - a * b) / np.sqrt((aa - a**2) * (bb - b**2))

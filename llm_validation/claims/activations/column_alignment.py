"""Rows of claim 12 about trait vectors: does one lie along a column of the other half's mixing?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.activations.half_agreement import TURNING, WhiteProjection
from llm_validation.claims.activations.token_sources import TokenSource, members
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import at_least
from llm_validation.dataset import ContrastivePair
from llm_validation.setting import Setting

ALIGNED, ALONG = "aligned", "along a column"

RANDOM = 10_000
"""Random directions: the error of their 97.5 % quantile is far below the spread of the vector."""


@dataclass(frozen=True)
class Alignment:
    """``Arm.data``: the first half's projection and unit columns (k, k), and the second's pairs."""

    projection: WhiteProjection
    columns: np.ndarray
    pairs: tuple[ContrastivePair, ...]


def alignment_arms(
    setting: Setting,
    claim: str,
    layer: int,
    trait: str,
    source: TokenSource,
    projection: WhiteProjection,
    columns: np.ndarray,
) -> list[Arm]:
    """Predicted from random directions, which know nothing of the trait."""
    unit = columns / np.linalg.norm(columns, axis=0)
    drawn = setting.rng(claim, "directions").standard_normal((RANDOM, len(unit)))
    null = nearest(drawn, unit)
    low, high = (float(q) for q in np.quantile(null, (0.025, 0.975)))
    everything = setting.traits[trait].pairs
    pairs = tuple(everything[i] for i in members(setting, source, "measuring"))
    cells = tuple(setting.pair_cells(pairs, f"{trait}, second half"))
    arms = []
    for name, margin in ((ALIGNED, high), (ALONG, TURNING)):
        prediction = Prediction(
            claim=claim,
            theorem="R1",
            layer=layer,
            trait=trait,
            arm=name,
            alpha=0.0,
            prediction=float(null.mean()),
            prediction_interval=(low, high),
            margin=margin,
            unit="|cosine| in white coordinates",
            observable="states at many tokens",
        )
        arms.append(Arm(prediction, cells, Alignment(projection, unit, pairs)))
    return arms


def alignment_row(setting: Setting, arm: Arm) -> ClaimResult:
    """The mean difference of the second half's pairs, with pairs as clusters; columns as found."""
    states = setting.pair_states(arm.data.pairs, arm.prediction.layer)
    differences = states[:, 0] - states[:, 1]
    white = differences @ arm.data.projection.matrix.T
    value = cluster_bootstrap(
        lambda rows: nearest(rows.mean(axis=1), arm.data.columns),
        [white],
        rng=setting.rng(arm.prediction.claim, "alignment"),
    )
    judgement = at_least(value, arm.prediction.margin, "|cosine|")
    share = kept(arm.data.projection, differences.mean(axis=0))
    reason = f"{judgement.reason}; {share:.0%} of the vector's square lies in the components kept"
    judgement = replace(judgement, reason=reason)
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=2 * len(white))


def nearest(directions: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(R,) |cosine| of each direction (R, k) with the nearest of unit columns (k, k)."""
    lengths = np.linalg.norm(directions, axis=1)
    return np.abs(directions @ columns).max(axis=1) / lengths


def kept(projection: WhiteProjection, vector: np.ndarray) -> float:
    """Share of the squared length of a vector (d,) in the components."""
    basis = np.linalg.qr(projection.matrix.T)[0]
    return float(np.sum((basis.T @ vector) ** 2) / np.sum(vector**2))

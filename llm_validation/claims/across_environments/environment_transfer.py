r"""Rows of claim 8 about a vector of one environment in another.

The cosine between two estimated vectors is below one even where the environments do not matter,
as both hold noise. What noise alone would leave of it is the ceiling

.. math:: \sqrt{r_A r_B}, \qquad r_A = \|\mu_A\|^2 / E\|\hat\mu_A\|^2 ,

with the reliability r taken from products of different pairs, :math:`d_i^\top G d_j, i \ne j`:
what split halves of all kinds estimate together, at full length (Spearman-Brown). The cosine over
its ceiling is the cosine of the vectors free of noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval
from identifiability.statistics.jackknife import jackknife_interval
from llm_validation.claims.across_environments.environment_contexts import TOO_FEW, contexts, enough
from llm_validation.claims.across_environments.stacked_environments import (
    metric_cells,
    stacked_traits,
)
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, Prediction, result
from llm_validation.claims.judgement import EQUIVALENCE_FRACTION, at_least
from llm_validation.dataset import ContrastivePair
from llm_validation.setting import Setting

COMPLETE = 1 - EQUIVALENCE_FRACTION
"""A vector carries over if its cosine, free of noise, is at least this: by what behaviour allows an
effect to be smaller and still the same."""

EUCLIDEAN, BEHAVIOURAL = "transfer, Euclidean", "transfer, behavioural"


@dataclass(frozen=True)
class Transfer:
    """``Arm.data``: pairs of each environment, and metrics (environments, prompts) or none."""

    environments: dict[str, tuple[ContrastivePair, ...]]
    metrics: list[list[Cell]]


def transfer_arms(setting: Setting, claim: str, layer: int) -> list[Arm]:
    """The number that no environment's influence would give, from the trait's own pairs."""
    arms = []
    for trait in setting.traits:
        kinds = (EUCLIDEAN, BEHAVIOURAL) if trait in stacked_traits(setting) else (EUCLIDEAN,)
        for kind in kinds:
            if not enough(setting, trait):
                stated = _prediction(claim, layer, trait, kind, None, None)
                arms.append(Arm(stated, (), None, TOO_FEW))
                continue
            environments = contexts(setting, trait, "measuring")
            metrics = []
            if kind == BEHAVIOURAL:
                metrics = metric_cells(setting, trait, layer, "measuring")
            states = environment_cells(setting, trait, environments)
            known = metric_cells(setting, trait, layer, "predicting")
            roots = _roots(setting, known if metrics else [])
            value, ends = _without_shift(setting, trait, layer, environments, roots)
            stated = _prediction(claim, layer, trait, kind, value, ends)
            cells = (*(cell for row in metrics for cell in row), *states)
            arms.append(Arm(stated, cells, Transfer(environments, metrics)))
    return arms


def transfer_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Mean over ordered pairs of environments; behavioural ones by the metric of the second."""
    moved = _moved(setting, arm)
    value = _interval(moved)
    count = 2 * sum(len(sample) for sample in moved)
    if value is None:
        reason = "the length of a vector cannot be told from noise"
        judgement = Judgement(Outcome.INCONCLUSIVE, reason)
    else:
        raw, clean = raw_cosines(moved), noiseless_cosines(moved)
        judgement = at_least(value, COMPLETE, "cosine over its ceiling")
        reason = f"raw cosine {raw.mean():.2f}, ceiling {(raw / clean).mean():.2f}"
        judgement = replace(judgement, reason=f"{judgement.reason}; {reason}")
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=count)


def transfer_curve(setting: Setting, arm: Arm) -> list[dict[str, Any]]:
    """Every ordered pair of environments: raw cosine, and cosine over its ceiling."""
    moved = _moved(setting, arm)
    pairs = permutations(arm.data.environments, 2)
    rows = zip(pairs, raw_cosines(moved), noiseless_cosines(moved), strict=True)
    return [
        {
            "layer": arm.prediction.layer,
            "trait": arm.prediction.trait,
            "arm": arm.prediction.arm,
            "extracted_in": one,
            "applied_in": other,
            "cosine": float(raw),
            "over_ceiling": float(clean) if np.isfinite(clean) else None,
        }
        for (one, other), raw, clean in rows
    ]


def environment_cells(
    setting: Setting, trait: str, environments: dict[str, tuple[ContrastivePair, ...]]
) -> list[Cell]:
    """Last states of the pairs of each environment."""
    return [
        cell
        for name, pairs in environments.items()
        for cell in setting.pair_cells(pairs, f"{trait}, {name}")
    ]


def environment_differences(
    setting: Setting, environments: dict[str, tuple[ContrastivePair, ...]], layer: int
) -> list[np.ndarray]:
    """(n_e, d) positive less negative state of every pair; their mean is the vector."""
    states = [setting.pair_states(pairs, layer) for pairs in environments.values()]
    return [state[:, 0] - state[:, 1] for state in states]


def raw_cosines(moved: Sequence[np.ndarray]) -> np.ndarray:
    """(E(E - 1),) cosines of the mean vectors; see ``noiseless_cosines``."""
    found = []
    for one, other, target in _pairs(moved):
        a, b = one[:, target].mean(axis=0), other[:, target].mean(axis=0)
        found.append(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return np.array(found)


def noiseless_cosines(moved: Sequence[np.ndarray]) -> np.ndarray:
    """(E(E - 1),) the same over their ceilings; infinite where a square is estimated below 0.

    Parameters
    ----------
    moved
        (n_e, t, d) for each environment: differences of its pairs, in t systems of coordinates in
        which the metric of each environment is the identity, or one for all.
    """
    found = []
    for one, other, target in _pairs(moved):
        a, b = one[:, target], other[:, target]
        squares = _squared_length(a), _squared_length(b)
        product = a.mean(axis=0) @ b.mean(axis=0)
        found.append(product / np.sqrt(np.prod(squares)) if min(squares) > 0 else np.inf)
    return np.array(found)


def _squared_length(rows: np.ndarray) -> float:
    """Of the vector free of noise: mean product of two different pairs."""
    total = rows.sum(axis=0)
    count = len(rows)
    return float((total @ total - np.sum(rows**2)) / (count * (count - 1)))


def _pairs(moved: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Both environments' differences, and the coordinates of the one applied in."""
    alone = moved[0].shape[1] == 1
    return [(moved[a], moved[b], 0 if alone else b) for a, b in permutations(range(len(moved)), 2)]


def _interval(moved: Sequence[np.ndarray]) -> Interval | None:
    """None where some length vanishes, also with a pair left out."""

    def mean_cosine(*samples: np.ndarray) -> np.ndarray:
        return np.array([noiseless_cosines([sample[0] for sample in samples]).mean()])

    with np.errstate(invalid="ignore"):  # infinite cosines have no spread, which is told below
        value = jackknife_interval(mean_cosine, moved)
    return value if np.isfinite([value.estimate, value.low, value.high]).all() else None


def _moved(setting: Setting, arm: Arm) -> list[np.ndarray]:
    roots = _roots(setting, arm.data.metrics)
    samples = environment_differences(setting, arm.data.environments, arm.prediction.layer)
    return [np.einsum("ni,tij->ntj", sample, roots) for sample in samples]


def _roots(setting: Setting, cells: Sequence[Sequence[Cell]]) -> np.ndarray:
    """(t, d, d) R with R R^T the mean metric of each environment; the identity without metrics."""
    if not cells:
        return np.eye(setting.width)[None]
    roots = []
    for row in cells:
        mean = np.mean([setting.of(cell)["metric"] for cell in row], axis=0)
        values, vectors = np.linalg.eigh(mean)
        roots.append(vectors * np.sqrt(np.clip(values, 0.0, None)))
    return np.array(roots)


def _without_shift(
    setting: Setting,
    trait: str,
    layer: int,
    environments: dict[str, tuple[ContrastivePair, ...]],
    roots: np.ndarray,
) -> tuple[float, tuple[float, float] | None]:
    """The trait's own pairs dealt into sets of those sizes; 1 in truth where pairs are too few."""
    pairs = setting.traits[trait].pairs
    ends = np.cumsum([0, *(len(some) for some in environments.values())])
    if len(pairs) < ends[-1]:
        return 1.0, None
    states = setting.pair_states(pairs, layer)
    order = setting.rng("pairs without shift", trait).permutation(len(pairs))
    differences = (states[:, 0] - states[:, 1])[order]
    samples = [differences[a:b] for a, b in pairwise(ends)]
    value = _interval([np.einsum("ni,tij->ntj", sample, roots) for sample in samples])
    return (1.0, None) if value is None else (value.estimate, (value.low, value.high))


def _prediction(
    claim: str,
    layer: int,
    trait: str,
    arm: str,
    value: float | None,
    interval: tuple[float, float] | None,
) -> Prediction:
    return Prediction(
        claim=claim,
        theorem="R3c",
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=0.0,
        prediction=value,
        prediction_interval=interval,
        margin=COMPLETE,
        unit="cosine over its ceiling",
    )

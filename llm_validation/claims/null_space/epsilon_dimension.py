"""Rows of claim 6 about the spectrum of the mean metric of N prompts (N7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import epsilon_null_counts
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import (
    ANY,
    Arm,
    ClaimResult,
    Judgement,
    Outcome,
    Prediction,
    result,
)
from llm_validation.claims.judgement import EPSILON, EPSILONS, LOG_BAND, reported, within
from llm_validation.claims.null_space.prompt_blocks import COUNTS, blocks, prompts_in_words
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

PROMPTS = {Scale.QUICK: 8, Scale.THIN: 12, Scale.FULL: 40}
"""Measuring prompts whose metrics are taken."""

SUBSETS = 12
"""Sets of N prompts that a prediction for N prompts is the mean over."""

JUDGED_BLOCKS = 6
"""Blocks of N prompts from which on a mean over them is judged: the interval of fewer has so few
degrees of freedom that nothing survives an adjustment for several rows."""

_SINGLE = Judgement(None, "a single block of prompts, which has no interval")


@dataclass(frozen=True)
class Dimension:
    """What such an arm counts: directions within epsilon at a radius, or an effective rank."""

    prompts: int
    epsilon: float | None = None
    radius: float | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """(B,) for spectra (B, d)."""
        if self.epsilon is None or self.radius is None:
            return _effective_ranks(values)
        return epsilon_null_counts(values, self.epsilon, self.radius).astype(float)


def dimension_arms(setting: Setting, claim: str, layer: int) -> list[Arm]:
    """What other prompts show; the band is that of a predicted KL, in each eigenvalue."""
    metrics = np.concatenate([setting.metrics(part, layer) for part in ("choosing", "predicting")])
    cells = tuple(dimension_cells(setting, layer))
    arms = []
    for count in [n for n in COUNTS if n <= min(len(metrics), len(cells))]:
        values = mean_spectra(metrics, _subsets(setting, layer, len(metrics), count))
        words = prompts_in_words(count)
        value = float(Dimension(count).of(values).mean())
        stated = _prediction(claim, layer, ANY, f"effective rank, {words}", value, None)
        arms.append(Arm(stated, cells, Dimension(count)))
        for trait in setting.traits:
            radius = float(np.linalg.norm(setting.vector(trait, layer)))
            for epsilon in EPSILONS:
                low, value, high = (
                    float(Dimension(count, factor * epsilon, radius).of(values).mean())
                    for factor in (0.5, 1.0, 2.0)
                )
                arm = f"epsilon-null, {words}, eps = {epsilon:g}"
                stated = _prediction(claim, layer, trait, arm, value, (low, high))
                arms.append(Arm(stated, cells, Dimension(count, epsilon, radius)))
    return arms


def dimension_cells(setting: Setting, layer: int) -> list[Cell]:
    """Metrics of the first measuring prompts."""
    return setting.metric_cells("measuring", layer)[: PROMPTS[setting.scale]]


def dimension_row(setting: Setting, arm: Arm, values: np.ndarray) -> ClaimResult:
    """From the spectra (B, d) of B blocks."""
    found = arm.data.of(values)
    alone = len(found) < 2
    if alone:
        value = spread(found, found[0])
    else:
        rng = setting.rng(arm.prediction.claim, "blocks")
        value = cluster_bootstrap(lambda x: x.mean(axis=1), [found], rng=rng)
    row = result(
        setting,
        arm.prediction,
        value,
        _SINGLE if alone else _judgement(setting, arm, value, len(found)),
        seeds=1,
        n_prompts=len(found) * arm.data.prompts,
    )
    return replace(row, interval=None) if alone else row


def _judgement(setting: Setting, arm: Arm, value: Interval, count: int) -> Judgement:
    if arm.data.epsilon is None:
        return Judgement(None, "no theorem says what it is")
    judged = count >= JUDGED_BLOCKS and arm.data.epsilon == EPSILON
    # Where the band begins, at half of epsilon, an eigenvalue must be known.
    cut, floor = arm.data.epsilon / arm.data.radius**2, setting.metric_error(arm.prediction.layer)
    if floor > cut:
        reason = f"eigenvalues from {cut:.1g} decide, rounding reaches {floor:.1g}"
        return Judgement(Outcome.INCONCLUSIVE if judged else None, reason)
    low, high = arm.prediction.prediction_interval or (0.0, 0.0)
    judgement = within(value, low, high, "dimension")
    return judgement if judged else reported(judgement)


def mean_spectra(metrics: np.ndarray, subsets: Sequence[np.ndarray]) -> np.ndarray:
    """(B, d) eigenvalues of the mean metric over each subset, descending, none negative."""
    found = [np.linalg.eigvalsh(metrics[subset].mean(axis=0))[::-1] for subset in subsets]
    return np.clip(found, 0.0, None)


def block_spectra(setting: Setting, arm: Arm) -> np.ndarray:
    """(B, d) on the disjoint blocks of an arm's prompts."""
    metrics = np.array([setting.of(cell)["metric"] for cell in arm.cells])
    return mean_spectra(metrics, blocks(len(metrics), arm.data.prompts))


def growing_spectra(setting: Setting, layer: int) -> list[dict[str, Any]]:
    """Of 1 to 64 prompts of all three parts together, the measuring ones first."""
    own = np.array([setting.of(cell)["metric"] for cell in dimension_cells(setting, layer)])
    metrics = np.concatenate(
        [own, *(setting.metrics(p, layer) for p in ("predicting", "choosing"))]
    )
    counts = [count for count in COUNTS if count <= len(metrics)]
    spectra = mean_spectra(metrics, [np.arange(count) for count in counts])
    return [
        {
            "layer": layer,
            "prompts": count,
            "eigenvalues": values,
            "effective_rank": float(rank),
            "noise_floor": setting.metric_error(layer),
        }
        for count, values, rank in zip(counts, spectra, _effective_ranks(spectra), strict=True)
    ]


def _subsets(setting: Setting, layer: int, total: int, count: int) -> list[np.ndarray]:
    if count == 1:
        return blocks(total, 1)
    rng = setting.rng("subsets", layer, count)
    return [rng.permutation(total)[:count] for _ in range(SUBSETS)]


def _prediction(
    claim: str,
    layer: int,
    trait: str,
    arm: str,
    value: float,
    interval: tuple[float, float] | None,
) -> Prediction:
    return Prediction(
        claim=claim,
        theorem="N7",
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=0.0 if interval is None else 1.0,
        prediction=value,
        prediction_interval=interval,
        margin=LOG_BAND,
        unit="dimensions",
    )


def _effective_ranks(values: np.ndarray) -> np.ndarray:
    """exp of the entropy of the normalised eigenvalues (Roy & Vetterli 2007)."""
    shares = values / values.sum(axis=1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.exp(-np.sum(shares * logs, axis=1))

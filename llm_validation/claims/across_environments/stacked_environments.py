"""Rows of claim 8 about the class as environments are stacked, in the order of the file (R3a)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum, epsilon_null_counts
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.across_environments.environment_contexts import (
    TOO_FEW,
    Half,
    contexts,
    enough,
    prompts,
)
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Outcome, Prediction, result
from llm_validation.claims.judgement import EPSILON, LOG_BAND, on_every, reported, within
from llm_validation.claims.null_space.exact_cells import jacobian_cell
from llm_validation.claims.null_space.exact_rank import rank_arms, rank_preparation
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

TRAITS = {Scale.QUICK: 1, Scale.THIN: 1, Scale.FULL: 3}
"""Traits, in their order, at whose environments metrics are taken: two seconds for each prompt."""

PROMPTS = (3, 6)
"""Predicting and measuring prompts of each environment. A stack holds one of each environment, so
that six stacks are measured: the fewest from which a mean over blocks is judged in claim 6."""

EXACT, SUMMED, MEAN = "class", "epsilon-null, summed", "epsilon-null, mean"
GROWTH = "never grows"


@dataclass(frozen=True)
class Stage:
    """``Arm.data``: what is counted, after how many environments; ``names`` in their order."""

    kind: str
    environments: int
    names: tuple[str, ...]
    radius: float = 0.0


def stacked_traits(setting: Setting) -> list[str]:
    """Those that metrics are taken for."""
    return list(setting.traits)[: TRAITS[setting.scale]]


def metric_cells(setting: Setting, trait: str, layer: int, half: Half) -> list[list[Cell]]:
    """(environments, prompts) metrics at the prompts of a half's contexts."""
    count = PROMPTS[0] if half == "predicting" else PROMPTS[1]
    environments = contexts(setting, trait, half)
    return [
        [setting.metric_cell(ids, layer) for ids in row]
        for row in prompts(setting, environments, count)
    ]


def stacked_preparation(setting: Setting, layer: int) -> list[Cell]:
    """Radius, rounding, exact ranks of other prompts, and metrics at the predicting contexts."""
    cells = setting.vector_cells() + setting.rounding_cells(layer)
    cells += rank_preparation(setting, layer)
    for trait in stacked_traits(setting):
        cells += [c for row in metric_cells(setting, trait, layer, "predicting") for c in row]
    return cells


def stacked_arms(setting: Setting, claim: str, layer: int) -> list[Arm]:
    """The exact class of the first trait, the epsilon-null space of each trait that is stacked."""
    arms = []
    for place, trait in enumerate(stacked_traits(setting)):
        if not enough(setting, trait):
            stated = _prediction(claim, layer, trait, EXACT, None, None)
            arms.append(Arm(stated, (), None, TOO_FEW))
            continue
        if place == 0:
            arms += _exact_arms(setting, claim, layer, trait)
        arms += _epsilon_arms(setting, claim, layer, trait)
    return arms


def stacked_row(setting: Setting, arm: Arm) -> ClaimResult:
    """Measured on the held-out contexts of the same environments."""
    if arm.data.kind == EXACT:
        return _exact_row(setting, arm)
    paths = epsilon_paths(measured_metrics(setting, arm), arm.data.radius)
    row = _growth_row if GROWTH in arm.prediction.arm else _epsilon_row
    return row(setting, arm, paths)


def measured_metrics(setting: Setting, arm: Arm) -> np.ndarray:
    """(stacks, environments, d, d) from the arm's cells, environment by environment."""
    metrics = np.array([setting.of(cell)["metric"] for cell in arm.cells])
    return metrics.reshape(len(arm.data.names), -1, *metrics.shape[1:]).swapaxes(0, 1)


def epsilon_paths(
    metrics: np.ndarray, radius: float, epsilon: float = EPSILON
) -> dict[str, np.ndarray]:
    """(stacks, environments) epsilon-null dimensions after 1, 2, ... environments.

    Of the sum of the metrics, which is what the stack of all rows sees, and of their mean.
    """
    sums = np.cumsum(metrics, axis=1)
    values = np.linalg.eigvalsh(sums)  # (stacks, E, d)
    counts = np.arange(1, metrics.shape[1] + 1)[None, :, None]
    return {
        SUMMED: epsilon_null_counts(values, epsilon, radius).astype(float),
        MEAN: epsilon_null_counts(values / counts, epsilon, radius).astype(float),
    }


def _exact_arms(setting: Setting, claim: str, layer: int, trait: str) -> list[Arm]:
    """What claim 6 predicts of N prompts is predicted of N environments with a prompt each."""
    stated = [arm.prediction.prediction for arm in rank_arms(setting, claim, layer)]
    environments = contexts(setting, trait, "measuring")
    cells = tuple(
        jacobian_cell(setting, row[0], layer) for row in prompts(setting, environments, 1)
    )
    arms = []
    for e in range(1, len(environments) + 1):
        rank = stated[min(e, 2) - 1]  # from two prompts on the rank does not change any more
        assert rank is not None
        arm = f"{EXACT}, {_words(e)}"
        prediction = _prediction(claim, layer, trait, arm, setting.width - rank, None)
        arms.append(Arm(prediction, cells, Stage(EXACT, e, tuple(environments))))
    return arms


def _exact_row(setting: Setting, arm: Arm) -> ClaimResult:
    factors = [setting.of(cell)["factor"] for cell in arm.cells[: arm.data.environments]]
    found = setting.width - Spectrum.of(np.concatenate(factors), metric=False).rank()
    expected = arm.prediction.prediction
    assert expected is not None
    return result(
        setting,
        arm.prediction,
        spread(found, found),
        on_every(np.array([float(found)]), expected, expected, "class dimension"),
        seeds=1,
        n_prompts=arm.data.environments,
    )


def _epsilon_arms(setting: Setting, claim: str, layer: int, trait: str) -> list[Arm]:
    """Bands are those of a predicted KL, a factor of two in every eigenvalue."""
    radius = float(np.linalg.norm(setting.vector(trait, layer)))
    rows = metric_cells(setting, trait, layer, "predicting")
    metrics = np.array([[setting.of(cell)["metric"] for cell in row] for row in rows])
    paths = [
        epsilon_paths(metrics.swapaxes(0, 1), radius, factor * EPSILON) for factor in (0.5, 1, 2)
    ]
    names = tuple(contexts(setting, trait, "measuring"))
    cells = tuple(c for row in metric_cells(setting, trait, layer, "measuring") for c in row)
    arms = []
    for kind in (SUMMED, MEAN):
        for e in range(1, len(names) + 1):
            low, value, high = (float(path[kind][:, e - 1].mean()) for path in paths)
            arm = f"{kind}, {_words(e)}"
            stated = _prediction(claim, layer, trait, arm, value, (low, high))
            arms.append(Arm(stated, cells, Stage(kind, e, names, radius)))
        grown = float(np.diff(paths[1][kind], axis=1).max())
        # Of a sum it never does, by Weyl's inequality; a mean is expected to as it did before.
        value = 0.0 if kind == SUMMED else max(0.0, grown)
        stated = replace(
            _prediction(claim, layer, trait, f"{kind}, {GROWTH}", value, None),
            identity=kind == SUMMED,
        )
        arms.append(Arm(stated, cells, Stage(kind, len(names), names, radius)))
    return arms


def _epsilon_row(setting: Setting, arm: Arm, paths: dict[str, np.ndarray]) -> ClaimResult:
    found = paths[arm.data.kind][:, arm.data.environments - 1]
    rng = setting.rng(arm.prediction.claim, "stacks")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [found], rng=rng)
    # Where the band begins, at half of epsilon, an eigenvalue of each metric must be known.
    cut, floor = EPSILON / arm.data.radius**2, setting.metric_error(arm.prediction.layer)
    floor *= arm.data.environments if arm.data.kind == SUMMED else 1
    if floor > cut:
        reason = f"eigenvalues from {cut:.1g} decide, rounding reaches {floor:.1g}"
        judgement = Judgement(Outcome.INCONCLUSIVE, reason)
    else:
        low, high = arm.prediction.prediction_interval or (0.0, 0.0)
        judgement = within(value, low, high, "dimension")
    if arm.data.kind == MEAN:
        judgement = reported(judgement)
    return result(
        setting,
        arm.prediction,
        value,
        judgement,
        seeds=1,
        n_prompts=len(found) * arm.data.environments,
    )


def _growth_row(setting: Setting, arm: Arm, paths: dict[str, np.ndarray]) -> ClaimResult:
    """The largest step upwards, over stacks; for a mean, which environment brought it."""
    steps = np.diff(paths[arm.data.kind], axis=1)  # (stacks, E - 1)
    grown = np.maximum(steps, 0.0).max(axis=1)
    judgement = on_every(grown, -np.inf, 0.0, "growth of the dimension")
    if arm.data.kind == MEAN:
        counts = zip(arm.data.names[1:], (steps > 0).sum(axis=0), strict=True)
        words = ", ".join(f"{name} in {count}" for name, count in counts if count)
        where = f"grows with {words} of {len(steps)} stacks" if words else "grew in no stack"
        judgement = Judgement(None, f"a mean may grow, as it dilutes what is seen; {where}")
    value = spread(grown, grown.max())
    count = steps.shape[0] * (steps.shape[1] + 1)
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=count)


def _words(count: int) -> str:
    return "1 environment" if count == 1 else f"{count} environments"


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
        theorem="R3a",
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=0.0 if interval is None else 1.0,
        prediction=value,
        prediction_interval=interval,
        margin=0.0 if interval is None else LOG_BAND,
        unit="dimensions",
    )

r"""The paper's estimate of the null space by finite-difference probes, predicted and repeated.

Random unit directions are stepped along and the change of the logits is recorded. A share of them
is called null: those below 5 % of the largest. Two readings of it are kept: of the *singular
values* of the recorded changes, and of the *sizes* of the changes themselves. What they would
report is predicted from the exact spectrum of other prompts, in which nearly no direction is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import ANY, Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import within
from llm_validation.measurements.probed_null_space import random_probes
from llm_validation.scale import Scale
from llm_validation.setting import Setting

PROBES = {Scale.QUICK: 200, Scale.THIN: 300, Scale.FULL: 1000}
"""Probes for each prompt; the paper takes 1000."""

PROMPTS = {Scale.QUICK: 2, Scale.THIN: 4, Scale.FULL: 12}
THRESHOLD = 0.05
"""Of the largest: the paper's."""

STEP = 1e-2
"""As a share of the state's norm: in float32 the rounding of a difference is then 1e-5 of it, and
its third-order term, the first that a central difference leaves, 1e-4."""

MARGIN = 0.05
"""Of the share that probes call null: a twentieth of the space, as their threshold is a twentieth
of the largest change. Below that the estimate is theirs, whatever it is of."""

STATISTICS = ("singular values", "sizes")


def probe_cells(setting: Setting, layer: int) -> list[Cell]:
    """Probes on the first measuring prompts, in the model's own dtype."""
    return [
        setting.cell(
            "probed_null_space",
            f"probes, layer {layer}",
            ids=ids,
            layer=layer,
            probes=PROBES[setting.scale],
            step=STEP,
            seed=setting.seed,
        )
        for ids in setting.prompts.measuring[: PROMPTS[setting.scale]]
    ]


def probe_arms(
    setting: Setting, claim: str, layer: int, jacobians: Sequence[Mapping[str, np.ndarray]]
) -> list[Arm]:
    """What probes would report of the exact Jacobians of other prompts."""
    arms = []
    for name in STATISTICS:
        shares = [_simulated_share(setting, jacobian, name) for jacobian in jacobians]
        predicted = float(np.mean(shares))
        prediction = Prediction(
            claim=claim,
            theorem="N7",
            layer=layer,
            trait=ANY,
            arm=f"probes, {name}",
            alpha=0.0,
            prediction=predicted,
            prediction_interval=None,
            margin=MARGIN,
            unit="share of probes",
        )
        arms.append(Arm(prediction, tuple(probe_cells(setting, layer)), (name, predicted)))
    return arms


def probe_row(setting: Setting, arm: Arm) -> ClaimResult:
    """What they do report."""
    name, predicted = arm.data
    shares = measured_shares(setting, arm.prediction.layer, name)
    rng = setting.rng(arm.prediction.claim, "probes")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [shares], rng=rng)
    return result(
        setting,
        arm.prediction,
        value,
        within(value, predicted - MARGIN, predicted + MARGIN, "share called null"),
        seeds=PROBES[setting.scale],
        n_prompts=len(shares),
        paper_statistic=value.estimate,
    )


def measured_shares(setting: Setting, layer: int, statistic: str) -> np.ndarray:
    """(N,) share that the paper's threshold calls null, for each prompt."""
    name = statistic.replace(" ", "_")
    found = [setting.of(cell)[name] for cell in probe_cells(setting, layer)]
    return np.array([_share(values, statistic, setting.width) for values in found])


def _simulated_share(setting: Setting, jacobian: Mapping[str, np.ndarray], statistic: str) -> float:
    """The same probes, their changes taken from the exact Jacobian."""
    whole = np.vstack([jacobian["factor"], jacobian["common"]])
    # The share wavers from draw to draw by far less than the margin; another seed than theirs.
    units = random_probes(PROBES[setting.scale], setting.width, setting.seed + 1)
    changes = units @ whole.T
    if statistic == "sizes":
        return _share(np.linalg.norm(changes, axis=1), statistic, setting.width)
    return _share(np.linalg.svd(changes, compute_uv=False), statistic, setting.width)


def _share(values: np.ndarray, statistic: str, width: int) -> float:
    """Of values below the threshold; n probes of d directions have min(n, d) singular values."""
    counted = values[:width] if statistic == "singular values" else values
    return float(np.mean(counted < THRESHOLD * values.max()))

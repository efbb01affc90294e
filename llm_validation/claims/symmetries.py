r"""Exact symmetries of a transformer, present where N6 says so and nowhere else.

* **mean direction** (N6b): c 1 added to the residual stream, of the size of a steering vector. In a
  pre-LN model with LayerNorm the KL is 0 at every amplitude; elsewhere it is not, and up to half of
  a vector's length it is what the Fisher metric says, within a factor of two. Beside the model of
  the run stand random decoders with the norms in each place, displaced after every block;
* **softmax shift** (N6a): a constant added to all logits changes no probability, by algebra, and
  the head cannot write it: no null direction of the state (a decoder's, as random decoders are);
* **rotated basis** (N6d): an RMSNorm model in a rotated basis of its residual stream gives the same
  logits, its states being turned;
* **radial direction** (N6c, N2b): see ``radial_null``.

All is measured in true float64. Exact statements are about every prompt: one exception refutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.cells import Cell
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
from llm_validation.claims.judgement import (
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    on_every,
    reported,
    within_band,
)
from llm_validation.claims.null_space.exact_cells import hidden_directions, symmetry_cell
from llm_validation.claims.null_space.radial_null import radial_arms, radial_row
from llm_validation.claims.ranges import spread
from llm_validation.measurements.random_decoders import KINDS
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "symmetries"
NUMBER = 10
THEOREM = "N6, N2b"
TITLE = "exact symmetries are where the architecture says, and nowhere else"
SCALES = frozenset(Scale)

STRENGTHS = (0.25, 0.5, 1.0, 2.0)
PROMPTS = {Scale.QUICK: 6, Scale.THIN: 12, Scale.FULL: 20}
"""Measuring prompts of the mean direction."""

WHOLE_PROMPTS = {Scale.QUICK: 1, Scale.THIN: 2, Scale.FULL: 10}
"""Measuring prompts of the other two, which are exact or not."""

EXACT = 1e-16
"""Nats. KL is quadratic in the change of the logits: a change of 1e-8, one rounding of float32
anywhere on the way, is this much, and those of float64 are ten decades less."""

ROUNDING = 1e-9
"""Relative difference of states by two different sequences of float64 operations: thirty blocks
give about 1e-14; one float32 operation would give 1e-7."""

OUT_OF_REACH = 1e-6
"""1 less the squared cosine, from which on the constant is not in the column space: far above
rounding, and a head that can write it has none."""

SHIFT = 3.0
DRAWS = 3
AMPLITUDE = 2.0
"""Added to every coordinate of a random decoder's state, of order 1 itself."""


def preparation(setting: Setting) -> list[Cell]:
    """How the model is built; vectors, metrics and Jacobians of prompts that are not measured."""
    cells = [symmetry_cell(setting), *setting.vector_cells()]
    for layer in setting.layers:
        cells += setting.metric_cells("choosing", layer) + setting.metric_cells("predicting", layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """What the architecture implies, with the numbers that it leaves to other prompts."""
    arms = _random_arms(setting) + _shift_arms(setting) if setting.softmax else []
    arms += _rotation_arms(setting)
    for layer in setting.layers:
        arms += _mean_arms(setting, layer)
    return arms + radial_arms(setting, NAME)


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Hold every instance against its prediction."""
    rows = []
    for arm in arms:
        kind = arm.prediction.arm.split(",")[0]
        row = {"mean direction": _mean_row, "radial direction": radial_row}.get(kind, _exact_row)
        rows.append(row(setting, arm))
    return rows


def _prediction(
    layer: int, arm: str, alpha: float, value: float | None, margin: float, unit: str, **more: Any
) -> Prediction:
    stated: dict[str, Any] = {"theorem": "N6", "prediction_interval": None} | more
    return Prediction(
        claim=NAME,
        layer=layer,
        trait=ANY,
        arm=arm,
        alpha=alpha,
        prediction=value,
        margin=margin,
        unit=unit,
        **stated,
    )


def _mean_arms(setting: Setting, layer: int) -> list[Arm]:
    norms = [float(np.linalg.norm(setting.vector(trait, layer))) for trait in setting.traits]
    direction = np.full(setting.width, float(np.mean(norms)) / setting.width**0.5)
    displacements = np.outer(STRENGTHS, direction)
    cells = tuple(
        setting.cell(
            "exact_divergences",
            f"mean direction, layer {layer}",
            ids=ids,
            layer=layer,
            displacements=displacements,
        )
        for ids in setting.prompts.measuring[: PROMPTS[setting.scale]]
    )
    arms = []
    if hidden_directions(setting):
        for place, alpha in enumerate(STRENGTHS):
            stated = _prediction(layer, "mean direction, invisible", alpha, 0.0, EXACT, "nats")
            arms.append(Arm(stated, cells, (place, None)))
        return arms
    # (N, strengths) on prompts that are not measured
    quadratic = np.concatenate(
        [
            setting.quadratic_divergences(part, layer, displacements)
            for part in ("choosing", "predicting")
        ]
    )
    for place, alpha in enumerate(STRENGTHS):
        rng = setting.rng(NAME, layer, place)
        mean = cluster_bootstrap(
            lambda q: q.mean(axis=1), [quadratic[:, place]], rng=rng, positive=True
        )
        more = {"prediction_interval": (mean.low, mean.high), "theorem": "N7"}
        arm = "mean direction, as the metric says"
        stated = _prediction(layer, arm, alpha, mean.estimate, LOG_BAND, "nats", **more)
        arms.append(Arm(stated, cells, (place, quadratic[:, place])))
        more = {"prediction_interval": (mean.low, mean.high)}
        stated = _prediction(
            layer, "mean direction, visible", alpha, mean.estimate, EXACT, "nats", **more
        )
        arms.append(Arm(stated, cells, (place, None)))
    return arms


def _mean_row(setting: Setting, arm: Arm) -> ClaimResult:
    place, quadratic = arm.data
    kl = np.array([setting.of(cell)["kl"][place] for cell in arm.cells])
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(lambda x: x.mean(axis=1), [kl], rng=rng, positive=True)
    if quadratic is not None and min(kl.mean(), quadratic.mean()) <= EXACT:
        # Rounding has no logarithm; and nothing seen where something was predicted is no match.
        outcome = Outcome.INCONCLUSIVE if quadratic.mean() <= EXACT else Outcome.REFUTED
        said = f"predicted {quadratic.mean():.2g}, measured {kl.mean():.2g} nats, one of them zero"
        judgement = Judgement(outcome, said)
    elif quadratic is not None:
        log_ratio = cluster_bootstrap(
            lambda k, q: np.log(k.mean(axis=1) / q.mean(axis=1)), [kl, quadratic], rng=rng
        )
        judgement = within_band(log_ratio)
        if arm.prediction.alpha > FIRST_ORDER_STRENGTH:
            judgement = reported(judgement)
    elif arm.prediction.arm.endswith("invisible"):
        judgement = on_every(kl, -np.inf, EXACT, "KL in nats")
    else:
        judgement = on_every(kl, EXACT, np.inf, "KL in nats")
    return _row(setting, arm, value, judgement, len(kl))


def _random_arms(setting: Setting) -> list[Arm]:
    """Of N6b where the norms are in each place: one kind invisible, two visible, at every block."""
    arms = []
    for kind in KINDS:
        cells = tuple(
            setting.cell(
                "random_decoders",
                f"random decoder, {kind}",
                kind=kind,
                amplitude=AMPLITUDE,
                seed=setting.seed + draw,
            )
            for draw in range(DRAWS)
        )
        invisible = kind == KINDS[0]
        arm = f"random decoder, {kind}, {'invisible' if invisible else 'visible'}"
        value = 0.0 if invisible else None  # visible: above rounding, no number is predicted
        stated = _prediction(setting.layers[0], arm, 1.0, value, EXACT, "nats")
        limits = (-np.inf, EXACT) if invisible else (EXACT, np.inf)
        arms.append(Arm(stated, cells, ("kl", *limits)))
    return arms


def _shift_arms(setting: Setting) -> list[Arm]:
    layer = setting.layers[0]
    prompts = setting.prompts.measuring[: WHOLE_PROMPTS[setting.scale]]
    cells = tuple(
        setting.cell("softmax_shift", "softmax shift", ids=ids, shift=SHIFT) for ids in prompts
    )
    kl = _prediction(layer, "softmax shift, invisible", 0.0, 0.0, EXACT, "nats", identity=True)
    reach = _prediction(
        layer, "softmax shift, out of the head's reach", 0.0, None, OUT_OF_REACH, "squared cosine"
    )
    limit = 1 - OUT_OF_REACH
    return [
        Arm(kl, cells, ("kl", -np.inf, EXACT)),
        Arm(reach, cells, ("reach", -np.inf, limit)),
    ]


def _rotation_arms(setting: Setting) -> list[Arm]:
    why_not = setting.of(symmetry_cell(setting))["unrotatable"]
    layer = setting.layers[0]
    drafts = [
        ("kl", _prediction(layer, "rotated basis, same outputs", 0.0, 0.0, EXACT, "nats"), EXACT),
        (
            "states",
            _prediction(layer, "rotated basis, turned states", 0.0, 0.0, ROUNDING, "relative"),
            ROUNDING,
        ),
    ]
    if why_not:
        return [Arm(stated, (), None, why_not) for _, stated, _ in drafts]
    prompts = list(setting.prompts.measuring[: WHOLE_PROMPTS[setting.scale]])
    cell = setting.cell("rotated_basis", "rotated basis", prompts=prompts, seed=setting.seed)
    return [Arm(stated, (cell,), (name, -np.inf, limit)) for name, stated, limit in drafts]


def _exact_row(setting: Setting, arm: Arm) -> ClaimResult:
    name, low, high = arm.data
    values = np.concatenate([np.atleast_1d(setting.of(cell)[name]) for cell in arm.cells])
    judgement = on_every(values, low, high, arm.prediction.unit)
    return _row(setting, arm, spread(values, values.max()), judgement, len(values))


def _row(
    setting: Setting, arm: Arm, value: Interval, judgement: Judgement, count: int
) -> ClaimResult:
    return result(setting, arm.prediction, value, judgement, seeds=1, n_prompts=count)

r"""Directions of low Fisher information are as invisible as predicted (N7, N2, N4).

Three predictions, all about norm-matched displacements alpha ||v|| u orthogonal to v:

* **decile**: for u drawn from each decile of the spectrum of G the KL on unseen prompts is
  ½ α² ||v||² uᵀGu, within a factor of two, at strengths up to 0.5, wherever that is above the
  floor of rounding;
* **null**: for u drawn from the epsilon-null space at radius alpha ||v|| the KL is at most epsilon.
  This is an upper limit, not a predicted value, and is judged at every strength at which a random
  direction would be above it. It is about the average of such directions;
* **null edge**: for u drawn from the most visible twentieth of that space the KL is what G says,
  within a factor of two, at strengths up to 0.5. The dimension of the space rests on its edge,
  which the average does not see.

Beyond strength 0.5 deciles and edge are measured and reported without a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Prediction, result
from llm_validation.claims.displacement.directions import random_in_span
from llm_validation.claims.displacement.displaced import Draft, displaced_arms, found
from llm_validation.claims.displacement.telling import where_telling
from llm_validation.claims.judgement import (
    ABOVE_FLOOR,
    EPSILON,
    FIRST_ORDER_STRENGTH,
    LOG_BAND,
    at_most,
    reported,
    within_band,
)
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "epsilon_null"
NUMBER = 1
THEOREM = "N7"
TITLE = "directions of low Fisher information are invisible"
SCALES = frozenset(Scale)

STRENGTHS = {
    Scale.QUICK: (0.5, 1.0),
    Scale.THIN: (0.1, 0.25, 0.5, 1.0, 1.5, 2.0),
    Scale.FULL: (0.1, 0.25, 0.5, 1.0, 1.5, 2.0),
}
DIRECTIONS = {Scale.QUICK: 3, Scale.THIN: 3, Scale.FULL: 3}
DECILES = 10
EDGE = 0.05  # share of the null space that counts as its edge, at least two dimensions


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, spectra, rounding, and metrics of prompts that chose no direction."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer) + setting.metric_cells("predicting", layer)
        cells += setting.floor_cells(layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State every number, from the choosing and predicting prompts alone."""
    drafts = []
    for layer in setting.layers:
        for trait in setting.traits:
            drafts += _deciles(setting, layer, trait)
            drafts += _null(setting, layer, trait)
    return displaced_arms(setting, drafts)


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Measure every arm on the held-out prompts and judge it where the theory covers it."""
    return [_judged(setting, arm) for arm in arms]


def _deciles(setting: Setting, layer: int, trait: str) -> list[Draft]:
    vector, spectrum = setting.vector(trait, layer), setting.spectrum(layer)
    count = DIRECTIONS[setting.scale]
    drafts = []
    for decile, columns in enumerate(np.array_split(np.arange(spectrum.width), DECILES), start=1):
        rng = setting.rng(NAME, layer, trait, decile)
        units = random_in_span(spectrum.eigenvectors[:, columns], vector, count, rng)
        for alpha in STRENGTHS[setting.scale]:
            drafts.append(_draft(setting, layer, trait, f"decile {decile}", alpha, units, LOG_BAND))
    return drafts


def _null(setting: Setting, layer: int, trait: str) -> list[Draft]:
    vector, spectrum = setting.vector(trait, layer), setting.spectrum(layer)
    count = DIRECTIONS[setting.scale]
    drafts = []
    for alpha in STRENGTHS[setting.scale]:
        rank = spectrum.epsilon_rank(EPSILON, alpha * float(np.linalg.norm(vector)))
        basis = spectrum.eigenvectors[:, rank:]  # (d, n), the most visible first
        edge = basis[:, : max(2, round(EDGE * basis.shape[1]))]
        for arm, span, margin in (("null", basis, EPSILON), ("null edge", edge, LOG_BAND)):
            rng = setting.rng(NAME, layer, trait, arm, round(1000 * alpha))
            # Below two dimensions none is left orthogonal to v: nothing to measure.
            left = span.shape[1] >= 2
            units = random_in_span(span, vector, count, rng) if left else np.zeros((0, vector.size))
            drafts.append(_draft(setting, layer, trait, arm, alpha, units, margin))
    return drafts


def _draft(
    setting: Setting,
    layer: int,
    trait: str,
    arm: str,
    alpha: float,
    units: np.ndarray,
    margin: float,
) -> Draft:
    displacements = alpha * float(np.linalg.norm(setting.vector(trait, layer))) * units
    value, ends, predicted, unmeasurable = None, None, np.zeros(0), None
    if len(units):
        # (N,) over the predicting prompts
        quadratic = setting.quadratic_divergences("predicting", layer, displacements)
        predicted = quadratic.mean(axis=1)
        mean = cluster_bootstrap(
            lambda q: q.mean(axis=1),
            [predicted],
            rng=setting.rng(NAME, "prediction"),
            positive=True,
        )
        value, ends = mean.estimate, (mean.low, mean.high)
    else:
        unmeasurable = "fewer than two dimensions are epsilon-null at this radius"
    prediction = Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=alpha,
        prediction=value,
        prediction_interval=ends,
        margin=margin,
        unit="nats",
    )
    return Draft(prediction, displacements, predicted, unmeasurable)


def _judged(setting: Setting, arm: Arm) -> ClaimResult:
    measured = found(setting, arm).mean(axis=1)  # (N,) over the arm's directions
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(lambda kl: kl.mean(axis=1), [measured], rng=rng, positive=True)
    judgement = _judgement(setting, arm, measured, value, rng)
    return result(
        setting,
        arm.prediction,
        value,
        judgement,
        seeds=arm.data.count,
        n_prompts=len(measured),
    )


def _judgement(
    setting: Setting,
    arm: Arm,
    measured: np.ndarray,
    value: Interval,
    rng: np.random.Generator,
) -> Judgement:
    if arm.prediction.arm == "null":
        layer, alpha = arm.prediction.layer, arm.prediction.alpha
        radius = alpha * float(np.linalg.norm(setting.vector(arm.prediction.trait, layer)))
        limit = at_most(value, EPSILON, "nats")
        last = alpha == max(STRENGTHS[setting.scale])
        return where_telling(limit, setting, layer, radius, last=last)
    predicted, floor = arm.data.extra, setting.divergence_floor(arm.prediction.layer)
    judged = arm.prediction.alpha <= FIRST_ORDER_STRENGTH
    if predicted.mean() < ABOVE_FLOOR * floor:
        reason = f"predicted below {ABOVE_FLOOR:g} x rounding floor {floor:.1g}"
        return Judgement(None, reason)  # below the floor theory.md section 4 claims nothing
    log_ratio = cluster_bootstrap(
        lambda k, q: np.log(k.mean(axis=1) / q.mean(axis=1)), [measured, predicted], rng=rng
    )
    judgement = within_band(log_ratio)
    return judgement if judged else reported(judgement)

r"""Cosines of steering vectors, Euclidean and behavioural (N5).

Three recipes give three vectors of a trait. Their Euclidean cosine belongs to the basis that the
states are written in: reparametrise the residual stream by any invertible A, with the rest of the
model to match, and it can be made any number in (-1, 1). What the outputs see of two vectors is

.. math:: c = \frac{v^\top G w}{\sqrt{v^\top G v \; w^\top G w}}

which no reparametrisation changes. Rows for each pair of recipes:

* **a / b**: c is predicted from the metric on some prompts and measured on others, without any
  metric, from divergences of displacements alone: by polarisation
  [KL(v + w) - KL(v - w)] / (4 sqrt(KL(v) KL(w))) is c to second order, each KL the mean over both
  signs, which removes the third. ``paper_statistic`` is the Euclidean cosine;
* **a / b, reparametrised**: with A chosen to make the Euclidean cosine (``paper_statistic``)
  another one, and with a random A, c changes by nothing: an identity, checked on the model's
  metric, that says nothing of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import cluster_bootstrap
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.displacement.displaced import Displaced, Draft, displaced_arms, found
from llm_validation.claims.judgement import EPSILON, FIRST_ORDER_STRENGTH, on_every, within
from llm_validation.claims.ranges import spread
from llm_validation.contrast import METHODS
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "extraction_methods"
NUMBER = 9
THEOREM = "N5"
TITLE = "behaviour fixes the behavioural cosine of two vectors, and not the Euclidean one"
SCALES = frozenset({Scale.THIN, Scale.FULL})

MARGIN = 0.1
"""Of a cosine: six degrees near a right angle. At divergences of 0.01 nats the fourth-order terms,
the first that polarisation over both signs leaves, are some percents; differences between the two
cosines that are worth a sentence are larger."""

TARGETS = (-0.9, 0.0, 0.9)
"""Euclidean cosines that a reparametrisation is asked for."""

IDENTITY = 1e-8
"""Of the difference of two cosines that are equal in exact arithmetic. Condition numbers of A up to
about 1e3 enter squared: 1e-10."""

CONDITION = 10.0
"""Of the random reparametrisation."""

SIGNS = np.array([[1, 0], [0, 1], [1, 1], [1, -1]])
"""Rows: v, w, v + w, v - w."""


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, and metrics of prompts on which nothing is measured."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.metric_cells("choosing", layer) + setting.metric_cells("predicting", layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State behavioural cosines, and that they survive reparametrisation."""
    drafts, identities = [], []
    for layer in setting.layers:
        parts = ("choosing", "predicting")
        metrics = np.concatenate([setting.metrics(part, layer) for part in parts])
        for trait in setting.traits:
            for methods in combinations(METHODS, 2):
                pair = np.array([setting.vector(trait, layer, method) for method in methods])
                draft, identity = _arms(setting, layer, trait, methods, pair, metrics)
                drafts.append(draft)
                identities.append(identity)
    return displaced_arms(setting, drafts) + identities


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Measure the cosines, and reparametrise."""
    return [
        _cosine_row(setting, arm)
        if isinstance(arm.data, Displaced)
        else _identity_row(setting, arm)
        for arm in arms
    ]


def cosine(pair: np.ndarray, metric: np.ndarray) -> float:
    """Of two vectors (2, d) in a metric (d, d)."""
    products = pair @ metric @ pair.T
    return float(products[0, 1] / np.sqrt(products[0, 0] * products[1, 1]))


def mapping_to_cosine(pair: np.ndarray, target: float) -> np.ndarray:
    """A (d, d) with cos(A v, A w) = target: the identity but on the plane of v and w (2, d)."""
    plane = np.linalg.qr(pair.T)[0]  # (d, 2)
    lengths = np.linalg.norm(pair, axis=1)
    wanted = np.array([[1.0, target], [0.0, np.sqrt(1 - target**2)]]) * lengths
    inside = wanted @ np.linalg.inv(plane.T @ pair.T)
    return np.eye(pair.shape[1]) + plane @ (inside - np.eye(2)) @ plane.T


def random_mapping(width: int, rng: np.random.Generator) -> np.ndarray:
    """A (d, d) with random singular vectors and singular values from 1 to ``CONDITION``."""
    left, right = (np.linalg.qr(rng.standard_normal((width, width)))[0] for _ in range(2))
    return left * np.geomspace(1, CONDITION, width) @ right


def reparametrised(
    pair: np.ndarray, metric: np.ndarray, mapping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A v, A w and A^{-T} G A^{-1}."""
    half = np.linalg.solve(mapping.T, metric)
    return pair @ mapping.T, np.linalg.solve(mapping.T, half.T)


def _arms(
    setting: Setting,
    layer: int,
    trait: str,
    methods: tuple[str, str],
    pair: np.ndarray,
    metrics: np.ndarray,
) -> tuple[Draft, Arm]:
    products = np.array([pair @ metric @ pair.T for metric in metrics])  # (M, 2, 2)
    rng = setting.rng(NAME, layer, trait, *methods)
    predicted = cluster_bootstrap(_predicted_cosine, [products], rng=rng)
    # Both vectors as visible as each other, so that their sum and difference are told apart well.
    visible = 0.5 * np.diagonal(products.mean(axis=0))
    strengths = np.minimum(np.sqrt(EPSILON / visible), FIRST_ORDER_STRENGTH)
    sums = SIGNS @ (strengths[:, None] * pair)  # (4, d)
    name = " / ".join(methods)
    stated: dict[str, Any] = {
        "claim": NAME,
        "theorem": THEOREM,
        "layer": layer,
        "trait": trait,
    }
    ends = (predicted.low, predicted.high)
    polarised = Prediction(
        **stated,
        arm=name,
        unit="cosine",
        prediction=predicted.estimate,
        alpha=float(strengths.max()),
        prediction_interval=ends,
        margin=MARGIN,
    )
    exact = Prediction(
        **stated,
        arm=f"{name}, reparametrised",
        unit="change of the cosine",
        prediction=0.0,
        alpha=0.0,
        prediction_interval=None,
        margin=IDENTITY,
        identity=True,
    )
    euclidean = cosine(pair, np.eye(setting.width))
    draft = Draft(polarised, np.concatenate([sums, -sums]), (products, euclidean))
    return draft, Arm(exact, (), (pair, metrics.mean(axis=0)))


def _predicted_cosine(products: np.ndarray) -> np.ndarray:
    """(R,) from (R, M, 2, 2)."""
    mean = products.mean(axis=1)
    return mean[:, 0, 1] / np.sqrt(mean[:, 0, 0] * mean[:, 1, 1])


def _measured_cosine(divergences: np.ndarray) -> np.ndarray:
    """(R,) from (R, N, 4), of v, w, v + w and v - w."""
    first, second, both, apart = np.moveaxis(divergences.mean(axis=1), -1, 0)
    return (both - apart) / (4 * np.sqrt(first * second))


def _cosine_row(setting: Setting, arm: Arm) -> ClaimResult:
    products, euclidean = arm.data.extra
    signed = found(setting, arm)  # (N, 8)
    divergences = (signed[:, :4] + signed[:, 4:]) / 2
    rng = setting.rng(NAME, "measured")
    value = cluster_bootstrap(_measured_cosine, [divergences], rng=rng)
    difference = cluster_bootstrap(
        lambda measured, predicted: _measured_cosine(measured) - _predicted_cosine(predicted),
        [divergences, products],
        rng=rng,
    )
    return result(
        setting,
        arm.prediction,
        value,
        within(difference, -MARGIN, MARGIN, "measured - predicted"),
        seeds=1,
        n_prompts=len(divergences),
        paper_statistic=euclidean,
    )


def _identity_row(setting: Setting, arm: Arm) -> ClaimResult:
    """The paper's statistic is the Euclidean cosine farthest from where it was."""
    pair, metric = arm.data
    rng = setting.rng(NAME, "mapping", arm.prediction.layer)
    mappings = [mapping_to_cosine(pair, target) for target in TARGETS]
    mappings.append(random_mapping(setting.width, rng))
    before = cosine(pair, metric)
    flat = np.eye(setting.width)
    after, euclidean = [], []
    for mapping in mappings:
        turned, pulled = reparametrised(pair, metric, mapping)
        after.append(cosine(turned, pulled))
        euclidean.append(cosine(turned, flat))
    moved = np.abs(np.array(after) - before)
    farthest = max(euclidean, key=lambda found: abs(found - cosine(pair, flat)))
    return result(
        setting,
        arm.prediction,
        spread(moved, moved.max()),
        on_every(moved, -np.inf, IDENTITY, "change of the behavioural cosine"),
        seeds=len(mappings),
        n_prompts=0,
        paper_statistic=farthest,
    )

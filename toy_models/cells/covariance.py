r"""Covariances from environments on structural causal models (theory.md R3b).

Every cell fits several instances: a pair that turns freely may by chance lie right in one. Columns
are compared where the true sources have unit variance, so that a free rotation is one and errors
are those of ``toy_models.environments.leaks``. What came back and what turned is read off the
columns against the planted ones; what the method said, off its prediction.

Score: |cosine| of matched columns in those coordinates, against a Haar rotation of all of them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.metrics import mcc_directions
from identifiability.recovery.covariance import CovarianceRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.environments import EnvironmentStates, StructuralEnvironments, leaks
from toy_models.matrix import Measurement, Outcome, Row, row

# A free pair is uniform within 45 degrees of its match; it lies by chance within the tolerances
# below (0.15 radians or less) of the truth in 6 of 6 instances once in 20 000 cells.
INSTANCES = 6
# Standard errors: a normal error exceeds six once in 5e8; there are 20 of them an instance.
SIGMAS = 6.0

Groups = tuple[tuple[int, ...], ...]


def measure(model: StructuralEnvironments, seed: int) -> Measurement:
    """Fit all instances, and read off which columns came back in every one."""
    seeds = np.random.SeedSequence(seed).generate_state(INSTANCES)
    instances = [model.sample(int(s)) for s in seeds]
    fits: list[CovarianceRecovery] = []
    refusals: list[str] = []
    for instance in instances:
        try:
            fits.append(CovarianceRecovery().fit(instance.states))
        except InvalidInput as refusal:
            refusals.append(str(refusal))
    n = model.samples * (len(model.gaps) + 1)
    d = model.width
    null = mcc_directions(np.eye(d), np.eye(d), draws=100, seed=seed)
    if refusals:
        singular = all("must be positive definite" in text for text in refusals)
        mode = SINGULAR if singular and not fits else f"refused {len(refusals)} times otherwise"
        return Measurement(Outcome(False, mode), 0.0, 0.0, (0.0, 0.0), null.chance, n, d)
    gains = [gain(instance, fit) for instance, fit in zip(instances, fits, strict=True)]
    cosines = np.array([np.diag(turned) for turned in gains])
    interval = cluster_bootstrap(
        lambda x: x.mean(axis=(1, 2)), [cosines], rng=np.random.default_rng([seed, 1])
    )
    return Measurement(
        outcome=_outcome(instances, fits, gains, model.samples),
        score=interval.estimate,
        score_min=float(cosines.min()),
        interval=(interval.low, interval.high),
        chance=null.chance,
        n=n,
        d=d,
    )


def gain(instance: EnvironmentStates, fit: CovarianceRecovery) -> np.ndarray:
    """(d, d) moduli: unit estimated columns, matched to the true ones, in their coordinates."""
    scales = np.sqrt(instance.variances.mean(axis=1))
    columns = np.linalg.solve(instance.mixing * scales, fit.mixing_)
    matching = list(matched(instance, fit))
    return np.abs(columns / np.linalg.norm(columns, axis=0))[:, matching]


def matched(instance: EnvironmentStates, fit: CovarianceRecovery) -> tuple[int, ...]:
    """For every node, the estimated column that stands for it."""
    scales = np.sqrt(instance.variances.mean(axis=1))
    columns = np.linalg.solve(instance.mixing * scales, fit.mixing_)
    return mcc_directions(columns, np.eye(len(columns)), draws=1).matching


def _outcome(
    instances: list[EnvironmentStates],
    fits: list[CovarianceRecovery],
    gains: list[np.ndarray],
    samples: int,
) -> Outcome:
    wrong: set[int] = set()
    escaped = False
    for instance, turned in zip(instances, gains, strict=True):
        errors = leaks(instance.variances, samples)
        errors[np.isinf(errors)] = 0.0  # what a free pair shares is no error
        allowed = SIGMAS * np.linalg.norm(errors, axis=0)
        angles = np.arccos(np.minimum(np.diag(turned), 1.0))
        wrong |= {int(j) for j in np.flatnonzero(np.tan(angles) > allowed)}
    nodes = tuple(sorted(wrong))
    for instance, turned in zip(instances, gains, strict=True):
        errors = leaks(instance.variances, samples)
        outside = [i for i in range(len(errors)) if i not in wrong]
        left = turned[np.ix_(outside, nodes)]
        errors[np.isinf(errors)] = 0.0
        escaped |= bool(np.any(left > SIGMAS * np.linalg.norm(errors, axis=0)[list(nodes)]))
    if escaped:
        return Outcome(False, f"columns {nodes} wrong, and not by a turn among themselves")
    said = {_said(instance, fit) for instance, fit in zip(instances, fits, strict=True)}
    if len(said) > 1:
        return Outcome(False, f"columns {nodes} wrong; the method says now this, now that: {said}")
    (word,) = said
    if word == "undecided":
        return Outcome(False, UNDECIDED)
    if word == "recovers":
        unshown = {fit.conditions_[1].holds for fit in fits} == {None}
        if not wrong:
            return Outcome(True)
        return Outcome(False, hidden(nodes) if unshown else f"columns {nodes} wrong, unannounced")
    if word == "no common diagonaliser":
        return Outcome(False, correlated(nodes))
    if word != str((nodes,)):
        return Outcome(False, f"columns {nodes} turned, the method says {word}")
    return Outcome(False, rotation(nodes))


def _said(instance: EnvironmentStates, fit: CovarianceRecovery) -> str:
    """The method's prediction, its columns named by the nodes they stand for."""
    prediction = fit.prediction_
    if prediction.recovers is None:
        return "undecided"
    if prediction.recovers:
        return "recovers"
    if fit.conditions_[1].holds is False:
        return "no common diagonaliser"
    node = {column: i for i, column in enumerate(matched(instance, fit))}
    return str(tuple(tuple(sorted(node[c] for c in group)) for group in prediction.affected))


SINGULAR = "refused: the covariances are singular"
UNDECIDED = "undecided: are the profiles distinct?"


def rotation(nodes: tuple[int, ...]) -> str:
    """The failure of R3b: columns of proportional profiles turn, and the others come back."""
    return f"rotation within columns {nodes}, announced; the others recovered"


def hidden(nodes: tuple[int, ...]) -> str:
    """Correlated sources in two environments, whose model nothing can test."""
    return f"columns {nodes} wrong, which two environments cannot show"


def correlated(nodes: tuple[int, ...]) -> str:
    """Correlated sources in more environments."""
    return f"columns {nodes} wrong; no common diagonaliser, announced"


def _row(model: StructuralEnvironments, failure: str | None, condition: str = "profiles") -> Row:
    return row("covariance", model, _CONDITIONS[condition], failure, partial(measure, model))


_CONDITIONS = {
    "profiles": "variance profiles are pairwise linearly independent",
    "model": "sources are uncorrelated in every environment",
    "samples": "samples tell the closest two profiles apart",
}


# Width 5; n = 15 000 puts the bound on all errors of separations at 0.10 for two environments
# (4 sqrt(18.4/30 000)): half of the margin for proportional profiles, and far from 0.6.
ROWS = (
    _row(StructuralEnvironments(), None),
    _row(StructuralEnvironments(law="laplace"), None),
    _row(StructuralEnvironments(gaps=(0.0,)), rotation((1, 3))),
    _row(StructuralEnvironments(gaps=(0.0, 0.6)), None),
    _row(StructuralEnvironments(gaps=(0.0, 0.0)), rotation((1, 3))),
    _row(StructuralEnvironments(untouched=(0,)), None),
    _row(StructuralEnvironments(untouched=(0, 2)), rotation((0, 2))),
    _row(StructuralEnvironments(untouched=(0, 2, 4)), rotation((0, 2, 4))),
    _row(StructuralEnvironments(silent=(2,)), SINGULAR),
    _row(StructuralEnvironments(null_directions=1), SINGULAR),
    _row(StructuralEnvironments(gaps=(0.6, 0.3)), None, condition="model"),
    _row(
        StructuralEnvironments(correlation=0.5),
        hidden((1, 3)),
        condition="model",
    ),
    _row(
        StructuralEnvironments(gaps=(0.6, 0.3), correlation=0.5),
        correlated((1, 3)),
        condition="model",
    ),
    _row(StructuralEnvironments(samples=5000), None, "samples"),
    # The bound is 0.61 here, three times the gap and the margin.
    _row(
        StructuralEnvironments(gaps=(0.2,), samples=400),
        UNDECIDED,
        condition="samples",
    ),
)

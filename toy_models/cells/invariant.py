r"""The invariant part of vectors from several environments (theory.md R3c).

The vectors are a trait's column plus spurious columns in amounts that vary. What is wrong with an
estimate is read off its difference from the planted c: in which span it lies, and whether the
method had said so. Rows on the average test the baseline that everyone tries first.

Score: |cosine| of estimate and c over several instances, against a random direction.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from identifiability.recovery.invariant import InvariantRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.matrix import Measurement, Outcome, Row, row
from toy_models.traits import TraitEnvironments, TraitVectors

INSTANCES = 12
# Relative to ||c|| = 1. Projections in float64, of vectors of norm below 10 whose spread has
# singular values of order 1: rounding is below 1e-13, failures are of order 1.
EXACT = 1e-9
_NO_GAP = "undecided: gap"


def measure(model: TraitEnvironments, orthogonal: bool, seed: int) -> Measurement:
    """Fit all instances with the assumption that ``orthogonal`` states, and compare with c."""
    instances = _instances(model, seed)
    fits = [
        InvariantRecovery(orthogonal=orthogonal, vector_error=x.error).fit(x.vectors)
        for x in instances
    ]
    said = {_said(fit) for fit in fits}
    found = {
        _read_off(instance, fit.component_) for instance, fit in zip(instances, fits, strict=True)
    }
    if len(said) > 1 or len(found) > 1:
        outcome = Outcome(False, f"now this, now that: {sorted(found)}; said: {sorted(said)}")
    elif said == {_NO_GAP}:
        outcome = Outcome(False, _NO_GAP)  # errors this large allow any estimate
    elif (found, said) == ({"right"}, {"recovers"}):
        outcome = Outcome(True)
    else:
        outcome = Outcome(False, mode(*found, *said))
    return _measurement(outcome, instances, [fit.component_ for fit in fits], seed)


def measure_average(model: TraitEnvironments, seed: int) -> Measurement:
    """The average over environments, which is off by S a-bar."""
    instances = _instances(model, seed)
    averages = [x.vectors.mean(axis=0) for x in instances]
    found = set()
    for x, average in zip(instances, averages, strict=True):
        off = average - x.common.mean(axis=0)
        predicted = x.spurious @ x.amounts.mean(axis=0)
        as_predicted = np.linalg.norm(off - predicted) <= EXACT
        right = np.linalg.norm(off) <= EXACT
        found.add("right" if right else "S a-bar" if as_predicted else "something else")
    outcome = Outcome(True) if found == {"right"} else Outcome(False, off_by(*sorted(found)))
    return _measurement(outcome, instances, averages, seed)


def chance(width: int) -> float:
    """Mean |cosine| of a random direction: Gamma(d/2) / (sqrt(pi) Gamma((d + 1)/2))."""
    return math.exp(math.lgamma(width / 2) - math.lgamma((width + 1) / 2)) / math.sqrt(math.pi)


def _instances(model: TraitEnvironments, seed: int) -> list[TraitVectors]:
    seeds = np.random.SeedSequence(seed).generate_state(INSTANCES)
    return [model.sample(int(s)) for s in seeds]


def _measurement(
    outcome: Outcome, instances: list[TraitVectors], estimates: list[np.ndarray], seed: int
) -> Measurement:
    common = [x.common.mean(axis=0) for x in instances]
    cosines = np.array(
        [
            abs(c @ v) / (np.linalg.norm(c) * np.linalg.norm(v))
            for c, v in zip(common, estimates, strict=True)
        ]
    )
    interval = cluster_bootstrap(
        lambda x: x.mean(axis=1), [cosines], rng=np.random.default_rng([seed, 1])
    )
    count, width = instances[0].vectors.shape
    return Measurement(
        outcome=outcome,
        score=interval.estimate,
        score_min=float(cosines.min()),
        interval=(interval.low, interval.high),
        chance=chance(width),
        n=count,
        d=width,
    )


def _said(fit: InvariantRecovery) -> str:
    prediction = fit.prediction_
    return "recovers" if prediction.recovers else str(prediction.failure_mode)


def _read_off(instance: TraitVectors, estimate: np.ndarray) -> str:
    """What the estimate has too much or too little of c."""
    off = estimate - instance.common.mean(axis=0)
    allowed = _allowed(instance)
    moves = instance.common - instance.common.mean(axis=0)
    if np.linalg.norm(off) <= allowed:
        return "right"
    if np.linalg.norm(_outside(off, instance.spurious.T)) <= allowed:
        return "off within col(S)"
    if np.linalg.norm(_outside(off, np.vstack([instance.spurious.T, moves]))) <= allowed:
        return "off along the drift"
    return "off elsewhere"


def _allowed(instance: TraitVectors) -> float:
    """The error that errors of the vectors can cause: a turn of S' and their mean (R5)."""
    if instance.error == 0:
        return EXACT
    amounts = instance.amounts - instance.amounts.mean(axis=0)
    smallest = np.linalg.svd(amounts @ instance.spurious.T, compute_uv=False)[
        instance.spurious.shape[1] - 1
    ]
    size = np.sqrt(len(amounts)) * instance.error
    sine = size / (smallest - size) if smallest > size else 1.0
    return float(sine * np.linalg.norm(instance.vectors.mean(axis=0)) + instance.error)


def _outside(vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What is left of the vector (d,) orthogonal to the rows (m, d), of any rank."""
    return vector - rows.T @ np.linalg.lstsq(rows.T, vector, rcond=1e-10)[0]


def mode(found: str, said: str) -> str:
    """A failure in words: the estimate against the truth, and what the method said of it."""
    return f"{found}; said: {said}"


def off_by(*found: str) -> str:
    """The failure of the average."""
    return f"the average is off by {' or '.join(found)}"


def up_to_span(rank: int, width: int = 8) -> str:
    """What the method says where c may have a part in S'."""
    return f"up to the span of the differences: {rank} of {width} dimensions"


def _row(
    model: TraitEnvironments,
    failure: str | None,
    condition: str,
    *,
    orthogonal: bool = True,
    remark: str = "",
) -> Row:
    measured = partial(measure, model, orthogonal)
    return row("invariant", model, condition, failure, measured, remark)


def _average_row(model: TraitEnvironments, failure: str | None) -> Row:
    condition = "baseline: the amounts balance, S a-bar = 0"
    measured = partial(measure_average, model)
    return row("invariant", model, condition, failure, measured, "by the average")


_ENOUGH = "environments vary all of col(S), with one more to confirm it"
_ORTHOGONAL = "c is orthogonal to S, and assumed to be"
_SAME = "c is the same in every environment"
_NOISE = "differences stand above the errors of the vectors"
_UNCONFIRMED = "undecided: spanning environments"

ROWS = (
    _row(TraitEnvironments(rank=1, environments=3), None, _ENOUGH),
    _row(
        # The difference spans S already; two environments cannot know.
        TraitEnvironments(rank=1, environments=2),
        mode("right", _UNCONFIRMED),
        _ENOUGH,
    ),
    _row(TraitEnvironments(rank=2, environments=4), None, _ENOUGH),
    _row(
        TraitEnvironments(rank=2, environments=3),
        mode("right", _UNCONFIRMED),
        _ENOUGH,
    ),
    _row(
        TraitEnvironments(rank=2, environments=2),
        mode("off within col(S)", _UNCONFIRMED),
        _ENOUGH,
    ),
    _row(
        # What never varies cannot be seen by any number of environments.
        TraitEnvironments(rank=2, environments=6, constant=1),
        mode("off within col(S)", "recovers"),
        _ENOUGH,
    ),
    _row(TraitEnvironments(rank=2), None, _ORTHOGONAL),
    _row(
        TraitEnvironments(rank=2),
        mode("right", up_to_span(2)),
        _ORTHOGONAL,
        orthogonal=False,
        remark="orthogonality not assumed",
    ),
    _row(
        TraitEnvironments(rank=1, orthogonal=False),
        mode("off within col(S)", up_to_span(1)),
        _ORTHOGONAL,
        orthogonal=False,
        remark="orthogonality not assumed",
    ),
    _row(
        TraitEnvironments(rank=2, orthogonal=False),
        mode("off within col(S)", up_to_span(2)),
        _ORTHOGONAL,
        orthogonal=False,
        remark="orthogonality not assumed",
    ),
    _row(
        TraitEnvironments(rank=2, orthogonal=False),
        mode("off within col(S)", "recovers"),
        _ORTHOGONAL,
        remark="orthogonality wrongly assumed",
    ),
    _row(TraitEnvironments(environments=6), None, _SAME),
    _row(
        TraitEnvironments(environments=6, drift=0.5),
        mode("off along the drift", "recovers"),
        _SAME,
    ),
    # Singular values of the differences are sqrt(6) and above; the bound sqrt(6) noise is a
    # hundredth of that, or six tenths.
    _row(
        TraitEnvironments(environments=6, noise=0.01),
        None,
        _NOISE,
    ),
    _row(
        TraitEnvironments(environments=6, noise=0.6),
        _NO_GAP,
        _NOISE,
    ),
    _average_row(TraitEnvironments(balanced=True), None),
    _average_row(TraitEnvironments(), off_by("S a-bar")),
)

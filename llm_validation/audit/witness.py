"""Another vector of the same norm that the audited one cannot be told from, and what it does.

Chosen on one half of the prompts, among members of the class for which the second order holds (log
ratio of measured and predicted divergence within a factor of two) and the divergence on other
prompts is predicted to stay within epsilon: far enough that a random step is predicted above it,
where there is such a one. Measured on the other half, as random steps of its length are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.prompts import Halves
from llm_validation.audit.random_step import measured_random_step
from llm_validation.audit.steered_class import (
    SteeredClass,
    left_out_divergences,
    prediction_interval,
)
from llm_validation.audit.strength_range import FirstOrderRange

FRACTIONS = (1.0, 0.71, 0.5, 0.35, 0.25, 0.18, 0.125)
"""Of the radius: distances at which a witness is looked for, a factor of sqrt(2) apart."""
MULTIPLES = (0.25, 0.5, 1.0, 1.41, 2.0)
"""Of the witness's own step, along which the range of the second order is measured."""
MARGIN = 0.5
"""Of epsilon, that the predicted upper end may reach. The 95 % upper end of a mean measured on 16
prompts is about twice the mean: a witness predicted nearer to epsilon would not be shown to stay
within it, though it does. Set before any audit was run with it; what is preferred where random
steps of that length are not predicted to be seen was set afterwards (docs/audit.md)."""


@dataclass(frozen=True, eq=False)
class AuditWitness:
    """v' and the evidence on it; everything in nats is from alpha v to alpha v'.

    Attributes
    ----------
    vector
        (d,) v', in the units of v.
    cosine
        cos(v, v').
    same_norm
        Whether ||v'|| = ||v||; where v has no invisible part there is no other such member.
    fraction
        alpha ||v' - v|| over the radius.
    predicted, predicted_low, predicted_high
        Mean divergence on other prompts, to second order, from prompts left out of choosing; the
        ends include the departure from second order seen on the choosing prompts.
    measured
        Mean divergence on the measuring prompts, with its interval.
    in_range
        Whether the second order was seen to hold there on the choosing prompts.
    range
        Along the witness's step, on the measuring prompts.
    random_step
        Nats predicted of a random direction of that length, to second order on the choosing
        prompts: half of tr(G)/d times the length squared, its mean over all directions.
    random_measured
        Mean divergence of random steps of that length on the measuring prompts, with its interval.
    divergences
        At the step itself, one a measuring prompt, measured and to second order.
    """

    vector: np.ndarray
    cosine: float
    same_norm: bool
    fraction: float
    predicted: float
    predicted_low: float
    predicted_high: float
    measured: Interval
    in_range: bool
    range: FirstOrderRange
    random_step: float
    random_measured: Interval
    divergences: np.ndarray
    second_order: np.ndarray

    def telling(self, epsilon: float) -> bool:
        """Whether random steps of this length were seen: if not, anything is a witness."""
        return self.random_measured.low > epsilon

    @property
    def as_predicted(self) -> bool:
        """Whether the measured mean lies in the predicted interval."""
        return self.predicted_low <= self.measured.estimate <= self.predicted_high


def find_witness(
    bench: Bench,
    halves: Halves[Case],
    metrics: list[np.ndarray],
    found: SteeredClass,
    alpha: float,
    rng: np.random.Generator,
) -> AuditWitness:
    """Choose a witness, predict it, measure it."""
    base = found.displacement
    towards = rng.standard_normal(base.size)
    steps = np.array([found.step(fraction, towards) for fraction in FRACTIONS])
    tried = bench.divergences(halves.choosing, base, steps)
    seen = FirstOrderRange.of(FRACTIONS, tried.measured, tried.second_order, tried.floor, rng)
    left_out = left_out_divergences(metrics, found, FRACTIONS, towards)
    count = len(halves.measuring)
    predictions = [
        _predicted(left_out[:, i], count, seen, fraction, tried.floor)
        for i, fraction in enumerate(FRACTIONS)
    ]
    random_steps = 0.5 * np.trace(found.metric) / base.size * np.sum(steps**2, axis=1)
    best = _chosen(
        [seen.at(fraction).holds for fraction in FRACTIONS],
        [high for _, _, high in predictions],
        list(random_steps > found.epsilon),
        found.epsilon,
    )
    step = steps[best]
    multiples = np.array(MULTIPLES)[:, None] * step
    there = bench.divergences(halves.measuring, base, multiples)
    own = there.measured[:, MULTIPLES.index(1.0)]
    vector = (base + step) / alpha
    size = float(np.linalg.norm(vector))
    value, low, high = predictions[best]
    measured = cluster_bootstrap(lambda kl: kl.mean(axis=1), [own], rng=rng, positive=True)
    ranged = FirstOrderRange.of(MULTIPLES, there.measured, there.second_order, there.floor, rng)
    length = float(np.linalg.norm(step))
    return AuditWitness(
        vector=vector,
        cosine=float(base @ vector) / (found.radius * size),
        same_norm=bool(abs(size * alpha - found.radius) <= 1e-9 * found.radius),
        fraction=length / found.radius,
        predicted=value,
        predicted_low=low,
        predicted_high=high,
        measured=measured,
        in_range=seen.at(FRACTIONS[best]).holds,
        range=ranged,
        random_step=float(random_steps[best]),
        random_measured=measured_random_step(bench, halves.measuring, base, length, rng),
        divergences=own,
        second_order=there.second_order[:, MULTIPLES.index(1.0)],
    )


def _chosen(
    holds: Sequence[bool], highs: Sequence[float], seen: Sequence[bool], epsilon: float
) -> int:
    """The furthest step well inside epsilon on which a random one is predicted outside; else the
    nearest such step predicted inside at all; else the furthest well inside; else the nearest."""
    places = range(len(FRACTIONS))
    well = [i for i in places if holds[i] and highs[i] <= MARGIN * epsilon]
    inside = [i for i in places if holds[i] and highs[i] <= epsilon and seen[i]]
    seen_well = [i for i in well if seen[i]]
    return [*seen_well[:1], *inside[-1:], *well[:1], len(FRACTIONS) - 1][0]


def _predicted(
    left_out: np.ndarray, count: int, seen: FirstOrderRange, fraction: float, floor: float
) -> tuple[float, float, float]:
    value, low, high = prediction_interval(left_out, count)
    rung = seen.at(fraction)
    departure = 1.0 if rung.log_ratio is None else float(np.exp(rung.log_ratio[0]))
    low, high = low * min(1.0, departure), high * max(1.0, departure)
    # Rounding that alone shows f moves a divergence of K by up to f + 2 sqrt(f K).
    reach = floor + 2 * np.sqrt(floor * high)
    return value, max(0.0, low - reach), high + reach

"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Any

import numpy as np
from scipy.special import stdtrit

from identifiability.errors import InvalidInput
from identifiability.statistics import samples_needed
from identifiability.verdict import Certificate, Verdict
from llm_validation.audit.behaviour import Scored, Texts
from llm_validation.audit.class_size import ClassSize
from llm_validation.audit.comparison import Comparison
from llm_validation.audit.observable import Observable
from llm_validation.audit.settle import Recovery
from llm_validation.audit.steered_class import SteeredClass
from llm_validation.audit.strength_range import FirstOrderRange
from llm_validation.audit.symmetry import ShiftSymmetry
from llm_validation.audit.witness import AuditWitness
from llm_validation.claims.claim import ClaimResult
from llm_validation.vectors import SteeringVector

ERROR = 0.05
"""Of either kind, at which samples are counted."""

Counts = tuple[int | None, int | None, int | None]
"""At an estimate, and at the ends of its interval at which most and fewest are needed."""


@dataclass(frozen=True)
class Power:
    """How much a behavioural evaluation needs before it can tell v from v'.

    Attributes
    ----------
    outputs
        Fewest outputs of prompts drawn like these, on any test: n >= log(1/(4 eta))/KL for both
        errors at most eta = 0.05 (Bretagnolle--Huber, N7); at the measured mean divergence and its
        two ends. None for "no number": an end at 0, and always for a completion, whose divergence
        is along one completion of the unsteered model and no mean over its law, and for a score,
        which a prompt determines.
    score
        Prompts for a paired t test of the trait's score at power 0.95, at the measured mean
        difference and at the ends of its interval that are nearest to 0 and farthest; None for no
        number. None altogether if it was not scored.
    """

    outputs: Counts
    score: Counts | None

    @classmethod
    def of(cls, witness: AuditWitness, scored: Scored | None, observable: Observable) -> Power:
        """From what was measured of the witness."""
        ends = witness.measured.estimate, witness.measured.low, witness.measured.high
        counted = observable.counts_outputs
        value, low, high = (cls.samples(end) if counted else None for end in ends)
        needed = None
        if scored is not None and scored.differences is not None:
            needed = _pairs_needed(scored.differences)
        return cls((value, low, high), needed)

    @staticmethod
    def samples(divergence: float) -> int | None:
        """For one divergence in nats."""
        return ceil(log(1 / (4 * ERROR)) / divergence) if divergence > 0 else None


def _pairs_needed(differences: np.ndarray) -> Counts:
    count = len(differences)
    mean, deviation = abs(float(differences.mean())), float(differences.std(ddof=1))
    reach = float(stdtrit(count - 1, 1 - ERROR / 2)) * deviation / sqrt(count)
    # An interval that holds 0 has it as its end nearest to 0.
    value, most, fewest = (
        _pairs(difference, deviation) for difference in (mean, max(0, mean - reach), mean + reach)
    )
    return value, most, fewest


def _pairs(difference: float, deviation: float) -> int | None:
    if difference == 0:
        return None
    if deviation == 0:
        return 2  # the fewest that a t test takes; equal differences make t infinite
    try:
        return samples_needed(deviation=deviation, difference=difference, target=1 - ERROR)
    except InvalidInput:
        return None  # more than any evaluation has


@dataclass(frozen=True, eq=False)
class AuditRecord:
    """Everything that an audit found.

    Attributes
    ----------
    verdict, certificate
        On reading v as a point, and what it rests on.
    class_size
        Dimension of the class, where another sample of prompts would put it, and with endless ones.
    energy_below_epsilon
        Share of ||v||² in directions that are invisible on the choosing prompts: in sample.
    flips_at
        Epsilon below which nothing is invisible: least and most possible.
    witness
        Another vector of the same norm; None where the class is {v}.
    representative
        (d,) the member of least norm: the part of v seen above epsilon at this radius.
    comparisons, ways_out, power
        With other vectors; what would settle it; samples needed.
    strength_range
        Strengths alpha up to which the divergence of alpha v itself is of second order.
    symmetry
        The exact shift, where the architecture has one.
    texts, scored
        What the model writes, and a trait's score.
    rows
        Predictions against measurements, as in the results of ``llm``.
    """

    source: str
    vector: SteeringVector
    model: dict[str, Any]
    layer: int
    alpha: float
    epsilon: float
    observable: Observable
    chosen_on: int
    measured_on: int
    chat: bool
    seed: int
    verdict: Verdict
    reason: str
    certificate: Certificate
    class_size: ClassSize
    steered: SteeredClass
    energy_below_epsilon: float
    flips_at: tuple[float, float]
    witness: AuditWitness | None
    representative: np.ndarray
    comparisons: tuple[Comparison, ...]
    ways_out: tuple[Recovery, ...]
    power: Power | None
    strength_range: FirstOrderRange
    symmetry: ShiftSymmetry | None
    texts: tuple[Texts, ...]
    scored: Scored | None
    score_variance: float | None
    rows: tuple[ClaimResult, ...]
    cells: int

    @property
    def radius(self) -> float:
        """alpha ||v||."""
        return self.alpha * self.vector.norm

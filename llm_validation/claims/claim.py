"""The record of a claim and the rules by which a measurement confirms or refutes it.

Margins are set here, from theory.md section 4, before anything is measured. A verdict compares an
interval with a margin: inside it the claim is confirmed, outside it refuted, and across its edge
the data do not decide. No difference found is never read as equivalence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from identifiability.statistics import Interval

EPSILON = 0.01
"""Nats; with fewer than about 230 samples no test keeps the sum of its two errors at 0.05
(Bretagnolle--Huber, N7)."""

LOG_BAND = math.log(2)
"""A predicted KL or ratio is confirmed within a factor of two: the second-order term alone is
meant, and at the strengths judged the next one may reach half of it."""

FIRST_ORDER_STRENGTH = 0.5
"""Largest strength at which a predicted KL or ratio is judged against its band; beyond it both are
reported, without a verdict. An upper limit in nats needs no prediction and is judged throughout."""


class Outcome(StrEnum):
    """What a measurement says of a prediction."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Prediction:
    """A number stated before the measurement, with what it is about.

    ``interval`` is the prediction's own uncertainty, from the prompts that it was estimated on.
    Both are None where there is nothing to predict; the arm is then missing, with a reason.
    """

    claim: str
    theorem: str
    trait: str
    arm: str
    alpha: float
    prediction: float | None
    prediction_interval: tuple[float, float] | None
    margin: float
    unit: str


@dataclass(frozen=True)
class ClaimResult(Prediction):
    """One row of ``claims`` in the results file (docs/interfaces.md): a prediction, measured.

    ``verdict`` is None at strengths that are reported and not judged (such rows go into the
    strength sweeps only), and where nothing was measured (such rows are missing cells).
    """

    layer: int
    measured: float | None
    interval: tuple[float, float] | None
    seeds: int
    n_prompts: int
    dtype: str
    verdict: Outcome | None
    reason: str
    regime: str = "white box, single layer"
    observable: str = "next-token distribution"
    family: str = "pre-registered margins, no null hypothesis"
    p_adjusted: float | None = None
    power: float | None = None
    paper_statistic: float | None = None

    @property
    def key(self) -> str:
        """Names the cell among all of a run."""
        return f"{self.claim}/{self.trait}/{self.arm}/{self.alpha:g}"


def within_band(log_ratio: Interval, band: float = LOG_BAND) -> tuple[Outcome, str]:
    """Verdict on log(measured/predicted) against a symmetric band around zero."""
    found = f"log(measured/predicted) in [{log_ratio.low:+.2f}, {log_ratio.high:+.2f}]"
    if -band <= log_ratio.low and log_ratio.high <= band:
        return Outcome.CONFIRMED, f"{found}, inside ±{band:.2f}"
    if log_ratio.low > band or log_ratio.high < -band:
        return Outcome.REFUTED, f"{found}, outside ±{band:.2f}"
    return Outcome.INCONCLUSIVE, f"{found}, across the edge of ±{band:.2f}: more prompts needed"


def at_most(value: Interval, limit: float, unit: str) -> tuple[Outcome, str]:
    """Verdict on an upper limit; the interval's ends are one-sided bounds."""
    bound = f"nominal one-sided {100 * (1 + value.level) / 2:.1f} % bound"
    if value.high <= limit:
        return Outcome.CONFIRMED, f"upper {bound} {value.high:.2g} <= {limit:g} {unit}"
    if value.low > limit:
        return Outcome.REFUTED, f"lower {bound} {value.low:.2g} > {limit:g} {unit}"
    ends = f"[{value.low:.2g}, {value.high:.2g}]"
    return Outcome.INCONCLUSIVE, f"{ends} holds {limit:g} {unit}: more prompts needed"

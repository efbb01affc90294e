"""The records that claims are made of: what is predicted, what will measure it, what came out.

A claim is a module of this folder. When the vectors have been extracted, ``preparation(setting)``
names the cells that its predictions rest on; ``predict(setting)`` states every number, in ``Arm``s
that name the cells which will measure them; ``judge(setting, arms)`` turns the measured cells into
rows. Predictions are stored before any of their cells runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from identifiability.cells import Cell
from identifiability.regime import SINGLE_LAYER
from identifiability.statistics import Interval
from llm_validation.scale import Scale
from llm_validation.setting import Setting

ANY = "any"
"""In place of a trait, where a row does not depend on one."""


class Outcome(StrEnum):
    """What a measurement says of a prediction."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """A verdict on one row, before the other rows of its family are counted.

    Attributes
    ----------
    outcome
        At the row's own level; None where the row is reported and not judged.
    reason
        In a sentence, with the numbers.
    p_confirm, p_refute
        p-values of the nulls "the claim is false" and "the claim is true": small ones confirm and
        refute. None where the verdict does not come from a test.
    """

    outcome: Outcome | None
    reason: str
    p_confirm: float | None = None
    p_refute: float | None = None


@dataclass(frozen=True)
class Prediction:
    """A number stated before the measurement, with what it is about.

    ``identity`` marks what is true by algebra: such a row checks the code that measures and says
    nothing of the model, so that it is counted apart and confirms no claim.
    ``interval`` is the prediction's own uncertainty, from the prompts that it was estimated on.
    Both are None where there is nothing to predict; the arm then says why in ``Arm.unmeasurable``.
    """

    claim: str
    theorem: str
    layer: int
    trait: str
    arm: str
    alpha: float
    prediction: float | None
    prediction_interval: tuple[float, float] | None
    margin: float
    unit: str
    identity: bool = False
    observable: str = "next-token distribution"
    regime: str = SINGLE_LAYER

    @property
    def key(self) -> str:
        """Names the prediction among all of a run."""
        return f"{self.claim}/{self.layer}/{self.trait}/{self.arm}/{self.alpha:g}"


@dataclass(frozen=True)
class Arm:
    """A prediction, the cells that measure it, and what its claim needs to judge it.

    ``unmeasurable`` says why there is nothing to measure, if so: that is no missing cell.
    """

    prediction: Prediction
    cells: tuple[Cell, ...]
    data: Any = None
    unmeasurable: str | None = None


@dataclass(frozen=True)
class ClaimResult(Prediction):
    """One row of ``claims`` in the results file (docs/interfaces.md): a prediction, measured.

    ``verdict`` is None at strengths that are reported and not judged.
    """

    measured: float | None = None
    interval: tuple[float, float] | None = None
    seeds: int = 1
    n_prompts: int = 0
    dtype: str = ""
    verdict: Outcome | None = None
    reason: str = ""
    family: str = ""
    p_confirm: float | None = None
    p_refute: float | None = None
    p_adjusted: float | None = None
    power: float | None = None
    paper_statistic: float | None = None


class Claim(Protocol):
    """What a module of this folder offers."""

    NAME: str
    NUMBER: int
    THEOREM: str
    TITLE: str
    SCALES: frozenset[Scale]

    @staticmethod
    def preparation(setting: Setting) -> list[Cell]: ...

    @staticmethod
    def predict(setting: Setting) -> list[Arm]: ...

    @staticmethod
    def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]: ...


def result(
    setting: Setting,
    prediction: Prediction,
    value: Interval | None,
    judgement: Judgement,
    *,
    seeds: int,
    n_prompts: int,
    power: float | None = None,
    paper_statistic: float | None = None,
) -> ClaimResult:
    """The row of a measured prediction."""
    return ClaimResult(
        **asdict(prediction),
        measured=None if value is None else value.estimate,
        interval=None if value is None else (value.low, value.high),
        seeds=seeds,
        n_prompts=n_prompts,
        dtype=setting.dtype,
        verdict=judgement.outcome,
        reason=judgement.reason,
        family=prediction.claim,
        p_confirm=judgement.p_confirm,
        p_refute=judgement.p_refute,
        power=power,
        paper_statistic=paper_statistic,
    )

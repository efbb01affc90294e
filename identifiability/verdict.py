"""What an answer about identifiability consists of: verdict, certificate, witness, conditions.

A verdict never comes alone (``Report``): the dimension of the equivalence class, a witness, the
functionals that are identified, the tolerance, the spectral gap, and what certifies all that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np


class Verdict(StrEnum):
    """Whether a steering vector is determined by what is observed."""

    GLOBALLY_IDENTIFIABLE = "globally_identifiable"
    """The equivalence class is {v}."""
    LOCALLY_IDENTIFIABLE = "locally_identifiable"
    """The class is {v} in a neighbourhood of v; elsewhere unknown."""
    NON_IDENTIFIABLE = "non_identifiable"
    """The class is larger, exactly: a linear factor, a symmetry or an exact witness."""
    FIRST_ORDER_ONLY = "first_order_only"
    """The Jacobian has a kernel; whether the class at finite amplitude has one was not shown."""
    EPSILON_NON_IDENTIFIABLE = "epsilon_non_identifiable"
    """Some v' differs from v by at most the stated tolerance in what is observed."""
    UNDETERMINED = "undetermined"
    """No spectral gap, or a condition that could not be decided."""


class CertificateKind(StrEnum):
    """How an answer is known."""

    PROOF = "proof"
    """Exact arithmetic or symbols, over the stated quantifier."""
    PROBABILISTIC = "probabilistic"
    """Exact but for a bounded failure probability (a random prime, a random evaluation)."""
    NUMERIC = "numeric"
    """Floating point, with a measured noise floor."""


@dataclass(frozen=True)
class Certificate:
    """What stands behind an answer.

    Parameters
    ----------
    kind
        Proof, probabilistic or numeric.
    statement
        The quantifier it covers, in words.
    bound
        The failure probability (probabilistic) or the noise floor (numeric); None for a proof.
    """

    kind: CertificateKind
    statement: str
    bound: float | None = None


@dataclass(frozen=True)
class Condition:
    """One condition of a theorem, checked on the data at hand before anything is estimated.

    ``holds`` is None when the condition could not be decided; ``statistic`` and ``threshold`` are
    what was compared, ``reason`` says why the threshold is where it is. ``interval`` is the
    statistic's own uncertainty where it is estimated from samples, and ``decided_by`` says how an
    expensive condition was settled (``"linear programs"``, ``"coherence bound"``). What no data at
    hand can decide is ``assumed``: the answer holds under it.
    """

    name: str
    statement: str
    holds: bool | None
    statistic: float | None = None
    threshold: float | None = None
    reason: str = ""
    interval: tuple[float, float] | None = None
    decided_by: str = ""
    assumed: bool = False


@dataclass(frozen=True)
class Prediction:
    """What the conditions say an estimate will be, before it is made.

    Parameters
    ----------
    recovers
        Whether the truth comes back (up to the gauge that is always there); None if undecided.
    failure_mode
        How it fails, in words; None exactly when it recovers.
    affected
        Groups of components (columns, sources, environments) among which the answer is arbitrary:
        ``((1, 4),)`` is a free rotation of the second and the fifth. Empty where none can be named.
    """

    recovers: bool | None
    failure_mode: str | None = None
    affected: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if (self.recovers is True) != (self.failure_mode is None):
            raise ValueError("a prediction names a failure mode exactly when it is not recovery")


@dataclass(frozen=True)
class Witness:
    """An explicit member v' of the equivalence class of v, and how well it hides.

    ``output_difference`` is that of v' against v at the witness's own amplitude, in ``unit``, which
    says whether it was measured or follows from a first- or second-order term; None if unknown.
    """

    vector: np.ndarray  # (d,)
    cosine: float
    distance: float
    output_difference: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Report:
    """A verdict with everything that it rests on.

    Parameters
    ----------
    class_dimension
        Dimension of the (linear, tangent or epsilon-) class; None when undetermined.
    identified_functionals
        Orthonormal rows w (r, d): the numbers ``w @ v`` that the observation pins down.
    tolerance
        Epsilon, or the noise floor below which nothing is called zero; ``unit`` says of what.
    gap
        Difference between the last counted and the first uncounted singular value.
    """

    verdict: Verdict
    certificate: Certificate
    class_dimension: int | None
    identified_functionals: np.ndarray
    tolerance: float
    unit: str
    gap: float | None
    regime: str
    observable: str
    witness: Witness | None = None
    conditions: tuple[Condition, ...] = field(default_factory=tuple)

    def condition(self, name: str) -> Condition:
        """The condition of that name; KeyError if there is none, or more than one."""
        found = [condition for condition in self.conditions if condition.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} conditions are called {name!r}")
        return found[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON; a number that is missing or not finite is null."""
        return plain(self)

    def __str__(self) -> str:
        size = "unknown" if self.class_dimension is None else str(self.class_dimension)
        lines = [
            f"{self.verdict.value}: class of dimension {size} ({self.regime}; {self.observable})",
            f"  certificate: {self.certificate.kind.value}, {self.certificate.statement}",
            f"  tolerance {self.tolerance:.3g} {self.unit}",
        ]
        if self.witness is not None:
            found = self.witness
            line = f"  witness at cosine {found.cosine:+.4f}, distance {found.distance:.4g}"
            if found.output_difference is not None:
                line += f", outputs differ by {found.output_difference:.2g} ({found.unit})"
            lines.append(line)
        lines += [f"  {c.name}: {_word(c)} ({c.statement})" for c in self.conditions]
        return "\n".join(lines)


_HOLDS = {True: "holds", False: "fails", None: "not decided"}


def _word(condition: Condition) -> str:
    return "assumed" if condition.assumed else _HOLDS[condition.holds]


def plain(value: Any) -> Any:
    """Turn records, enums and arrays into what ``json`` writes; NaN and infinity become None."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return value

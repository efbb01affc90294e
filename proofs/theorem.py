"""The record of a theorem: what it says, what it needs, how it is checked and how it breaks.

A theorem is checked in four parts that share one vocabulary. An *instance* is any object on which
the theorem can be read; a *conclusion* measures on an instance how far the theorem's statement is
from what an independent oracle finds (its ``discrepancy``).

* symbolic: identities over symbols;
* numeric: on random instances that satisfy every assumption, each discrepancy stays within its
  tolerance;
* necessity: for each assumption an instance that fails only this one, and on which a named
  conclusion is measurably off;
* false variants: altered statements whose discrepancy, measured by the same means, is off too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

Instance = Any
Sampler = Callable[[np.random.Generator], Instance]
Discrepancy = Callable[[Instance], float]


@dataclass(frozen=True)
class Assumption:
    """A hypothesis as an executable predicate on an instance."""

    name: str
    statement: str
    holds: Callable[[Instance], bool]


@dataclass(frozen=True)
class Identity:
    """An exact equality: sympy expressions or matrices that agree for all values of their symbols,
    or any two Python objects (solution sets, truth values, ranks) that are equal.

    ``failure_bound`` is the probability that a randomised exact check (a prime field) errs.
    """

    claim: str
    left: Any
    right: Any
    failure_bound: float = 0.0


@dataclass(frozen=True)
class SymbolicProof:
    """Identities that together prove the statement for ``quantifier``."""

    quantifier: str
    identities: Callable[[], Iterable[Identity]]


@dataclass(frozen=True)
class Conclusion:
    """One consequence of the theorem, as a number that is 0 where it holds exactly.

    Parameters
    ----------
    discrepancy
        Instance to float; the theorem's formula against an oracle of another kind.
    tolerance
        Largest discrepancy that counts as agreement; ``because`` gives the reason for it.
    broken_above
        Discrepancy from which the conclusion counts as broken in a counterexample or a false
        variant; by default 100 times the tolerance, so that no rounding passes for a refutation.
    """

    name: str
    statement: str
    discrepancy: Discrepancy
    tolerance: float
    because: str
    broken_above: float | None = None

    @property
    def refutation_threshold(self) -> float:
        """A discrepancy above this is no accident of rounding or sampling."""
        return 100 * self.tolerance if self.broken_above is None else self.broken_above


@dataclass(frozen=True)
class Counterexample:
    """An instance that satisfies every assumption but one, and breaks a conclusion."""

    assumption: str
    build: Sampler
    breaks: str
    story: str


@dataclass(frozen=True)
class FalseVariant:
    """A wrong statement, judged by the means that verify the right one.

    ``discrepancy`` replaces that of the conclusion named ``instead_of``, whose thresholds apply;
    ``sample`` replaces the theorem's own sampler where the difference shows only elsewhere.
    """

    statement: str
    instead_of: str
    discrepancy: Discrepancy
    sample: Sampler | None = None


@dataclass(frozen=True)
class Theorem:
    """A theorem of the ledger; ``proofs.checking.check`` runs it.

    Parameters
    ----------
    id, name, title
        As in theory.md; ``name`` is the module under ``proofs``.
    statement, latex
        The statement in words and in LaTeX, quantifiers included.
    regime, observable, estimand
        What is known, what is observed, and what about v is to be determined (theory.md, N10).
    sample, instances
        Draws an instance that satisfies all assumptions; how many are checked.
    oracle
        What the numeric part is compared with.
    symbolic
        The proof, or the reason (a sentence) why there is none.
    scope
        Where the paper is looser than the truth: what holds and what does not.
    depends_on
        Identifiers of the theorems that this one rests on.
    """

    id: str
    name: str
    title: str
    statement: str
    latex: str
    regime: str
    observable: str
    estimand: str
    assumptions: tuple[Assumption, ...]
    symbolic: SymbolicProof | str
    sample: Sampler
    oracle: str
    conclusions: tuple[Conclusion, ...]
    counterexamples: tuple[Counterexample, ...]
    false_variants: tuple[FalseVariant, ...]
    sources: tuple[str, ...]
    scope: str = ""
    depends_on: tuple[str, ...] = ()
    instances: int = 40

    def __post_init__(self) -> None:
        """A theorem whose parts do not refer to each other properly is a mistake in its file."""
        names = {c.name for c in self.conclusions}
        referred = {c.breaks for c in self.counterexamples}
        referred |= {variant.instead_of for variant in self.false_variants}
        assumed = [assumption.name for assumption in self.assumptions]
        broken = [example.assumption for example in self.counterexamples]
        if not referred <= names:
            raise ValueError(f"{self.id}: no conclusion is named {sorted(referred - names)}")
        if sorted(assumed) != sorted(broken):
            raise ValueError(
                f"{self.id}: each assumption needs one counterexample; assumptions {assumed}, "
                f"counterexamples for {broken}"
            )
        if not self.conclusions or not self.false_variants:
            raise ValueError(f"{self.id}: a theorem needs a conclusion and a false variant")

    def conclusion(self, name: str) -> Conclusion:
        """The conclusion called ``name``."""
        return next(c for c in self.conclusions if c.name == name)

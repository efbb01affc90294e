"""Checks a theorem: symbolic identities, random instances, necessity, false variants."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from identifiability.verdict import Certificate, CertificateKind
from proofs.theorem import (
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    Instance,
    SymbolicProof,
    Theorem,
)

Status = Literal["verified", "failed", "not_applicable"]
DEFAULT_SEED = 0


@dataclass(frozen=True)
class SymbolicResult:
    """``failed`` lists the claims that were not proved."""

    status: Status
    quantifier: str
    identities: int
    claims: tuple[str, ...]
    failed: tuple[str, ...]
    failure_bound: float
    reason: str


@dataclass(frozen=True)
class ConclusionResult:
    """The worst discrepancy over all instances, beside its tolerance."""

    name: str
    statement: str
    status: Status
    worst: float
    tolerance: float
    because: str


@dataclass(frozen=True)
class NumericResult:
    """``worst`` and ``tolerance`` are those of the conclusion nearest to failing."""

    status: Status
    instances: int
    worst: float
    tolerance: float
    oracle: str
    conclusions: tuple[ConclusionResult, ...]
    reason: str


@dataclass(frozen=True)
class NecessityResult:
    """What was measured on the instance that fails exactly one assumption."""

    assumption: str
    status: Status
    measured: float
    threshold: float
    breaks: str
    story: str
    reason: str


@dataclass(frozen=True)
class VariantResult:
    """What was measured on a false statement; ``refuted`` is the wanted outcome."""

    variant: str
    status: Literal["refuted", "not_refuted"]
    measured: float
    threshold: float


@dataclass(frozen=True)
class TheoremResult:
    """Everything that a check of one theorem found."""

    theorem: Theorem
    symbolic: SymbolicResult
    numeric: NumericResult
    necessity: tuple[NecessityResult, ...]
    refuted_variants: tuple[VariantResult, ...]
    certificate: Certificate
    status: Status
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The theorem's entry in ``proofs --json`` (interfaces.md)."""
        theorem = self.theorem
        return {
            "id": theorem.id,
            "name": theorem.name,
            "title": theorem.title,
            "statement": theorem.statement,
            "latex": theorem.latex,
            "regime": theorem.regime,
            "observable": theorem.observable,
            "estimand": theorem.estimand,
            "scope": theorem.scope,
            "assumptions": [
                {"name": a.name, "statement": a.statement} for a in theorem.assumptions
            ],
            "depends_on": list(theorem.depends_on),
            "sources": list(theorem.sources),
            "symbolic": self.symbolic,
            "numeric": self.numeric,
            "necessity": list(self.necessity),
            "refuted_variants": list(self.refuted_variants),
            "certificate": self.certificate,
            "status": self.status,
            "seconds": self.seconds,
        }


def check(theorem: Theorem, seed: int = DEFAULT_SEED) -> TheoremResult:
    """Run every part of a theorem; the same seed gives the same result but for ``seconds``."""
    start = time.perf_counter()
    symbolic = check_symbolic(theorem)
    numeric = _check_numeric(theorem, seed)
    necessity = tuple(
        _check_necessity(theorem, example, _generator(theorem, seed, f"necessity {i}"))
        for i, example in enumerate(theorem.counterexamples)
    )
    variants = tuple(
        _check_variant(theorem, variant, _generator(theorem, seed, f"variant {i}"))
        for i, variant in enumerate(theorem.false_variants)
    )
    good = (
        symbolic.status != "failed"
        and numeric.status == "verified"
        and all(part.status == "verified" for part in necessity)
        and all(part.status == "refuted" for part in variants)
    )
    return TheoremResult(
        theorem=theorem,
        symbolic=symbolic,
        numeric=numeric,
        necessity=necessity,
        refuted_variants=variants,
        certificate=_certificate(symbolic, numeric),
        status="verified" if good else "failed",
        seconds=time.perf_counter() - start,
    )


def is_identity(identity: Identity) -> bool:
    """Whether two exact objects agree; expressions for all values of their symbols."""
    import sympy as sp

    left, right = identity.left, identity.right
    if isinstance(left, sp.MatrixBase):
        same_shape = left.shape == sp.Matrix(right).shape
        return same_shape and all(_vanishes(entry) for entry in left - sp.Matrix(right))
    if isinstance(left, sp.Expr) or isinstance(right, sp.Expr):
        return _vanishes(sp.sympify(left) - sp.sympify(right))
    return bool(left == right)


def _vanishes(expression: Any) -> bool:
    import sympy as sp

    # Rational functions have a normal form, which is decisive and quick; the rest needs rewriting.
    return sp.cancel(sp.expand(expression)) == 0 or sp.simplify(expression) == 0


def check_symbolic(theorem: Theorem) -> SymbolicResult:
    """Evaluate the theorem's identities, all of them, whatever fails."""
    proof = theorem.symbolic
    if not isinstance(proof, SymbolicProof):
        return SymbolicResult("not_applicable", "", 0, (), (), 0.0, proof)
    identities = list(proof.identities())
    failed = tuple(identity.claim for identity in identities if not is_identity(identity))
    return SymbolicResult(
        status="verified" if identities and not failed else "failed",
        quantifier=proof.quantifier,
        identities=len(identities),
        claims=tuple(identity.claim for identity in identities),
        failed=failed,
        failure_bound=sum(identity.failure_bound for identity in identities),
        reason="" if identities else "the proof yields no identity",
    )


def _check_numeric(theorem: Theorem, seed: int) -> NumericResult:
    worst = dict.fromkeys((c.name for c in theorem.conclusions), 0.0)
    reason = ""
    for instance in _instances(theorem, seed):
        broken = _unsatisfied(theorem, instance)
        if broken:
            reason = f"a sampled instance violates: {', '.join(broken)}"
        for conclusion in theorem.conclusions:
            worst[conclusion.name] = _larger(worst[conclusion.name], conclusion, instance)
    results = tuple(_conclusion_result(c, worst[c.name]) for c in theorem.conclusions)
    nearest = max(results, key=lambda r: _share_of_tolerance(r.worst, r.tolerance))
    good = not reason and all(result.status == "verified" for result in results)
    return NumericResult(
        status="verified" if good else "failed",
        instances=theorem.instances,
        worst=nearest.worst,
        tolerance=nearest.tolerance,
        oracle=theorem.oracle,
        conclusions=results,
        reason=reason,
    )


def _check_necessity(
    theorem: Theorem, example: Counterexample, rng: np.random.Generator
) -> NecessityResult:
    instance = example.build(rng)
    broken = _unsatisfied(theorem, instance)
    conclusion = theorem.conclusion(example.breaks)
    measured = float(conclusion.discrepancy(instance))
    reason = ""
    if broken != [example.assumption]:
        reason = f"the instance should violate only {example.assumption!r}, it violates {broken}"
    elif not measured > conclusion.refutation_threshold:
        reason = "the conclusion holds without the assumption"
    return NecessityResult(
        assumption=example.assumption,
        status="failed" if reason else "verified",
        measured=measured,
        threshold=conclusion.refutation_threshold,
        breaks=example.breaks,
        story=example.story,
        reason=reason,
    )


def _check_variant(
    theorem: Theorem, variant: FalseVariant, rng: np.random.Generator
) -> VariantResult:
    threshold = theorem.conclusion(variant.instead_of).refutation_threshold
    sample = variant.sample or theorem.sample
    # One instance refutes a universal statement; a handful keeps a lucky draw from hiding it.
    measured = max(float(variant.discrepancy(sample(rng))) for _ in range(5))
    status: Literal["refuted", "not_refuted"] = "refuted" if measured > threshold else "not_refuted"
    return VariantResult(variant.statement, status, measured, threshold)


def _certificate(symbolic: SymbolicResult, numeric: NumericResult) -> Certificate:
    if symbolic.status != "verified":
        statement = f"{numeric.instances} random instances against {numeric.oracle}"
        return Certificate(CertificateKind.NUMERIC, statement, numeric.tolerance)
    if symbolic.failure_bound > 0:
        kind, bound = CertificateKind.PROBABILISTIC, symbolic.failure_bound
        return Certificate(kind, symbolic.quantifier, bound)
    return Certificate(CertificateKind.PROOF, symbolic.quantifier)


def _instances(theorem: Theorem, seed: int) -> Iterator[Instance]:
    for index in range(theorem.instances):
        yield theorem.sample(_generator(theorem, seed, f"numeric {index}"))


def _generator(theorem: Theorem, seed: int, part: str) -> np.random.Generator:
    """A stream of its own for each part, so that results do not depend on order or workers."""
    return np.random.default_rng([seed, zlib.crc32(f"{theorem.id} {part}".encode())])


def _unsatisfied(theorem: Theorem, instance: Instance) -> list[str]:
    return [a.name for a in theorem.assumptions if not a.holds(instance)]


def _larger(so_far: float, conclusion: Conclusion, instance: Instance) -> float:
    """The maximum, in which NaN counts as the worst there is."""
    found = float(conclusion.discrepancy(instance))
    return found if np.isnan(found) or found > so_far else so_far


def _conclusion_result(conclusion: Conclusion, worst: float) -> ConclusionResult:
    return ConclusionResult(
        name=conclusion.name,
        statement=conclusion.statement,
        status="verified" if worst <= conclusion.tolerance else "failed",
        worst=worst,
        tolerance=conclusion.tolerance,
        because=conclusion.because,
    )


def _share_of_tolerance(worst: float, tolerance: float) -> float:
    if worst <= tolerance:
        return worst / tolerance if tolerance > 0 else 0.0
    return float("inf")

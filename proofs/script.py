"""`python -m proofs.NAME`: one theorem, checked and printed from top to bottom."""

from __future__ import annotations

import argparse
import sys
import textwrap

from identifiability.endings import ending
from identifiability.output import say
from proofs.checking import DEFAULT_SEED, TheoremResult, check
from proofs.theorem import Theorem

_MARK = {"verified": "✓", "refuted": "✓", "failed": "✗", "not_refuted": "✗", "not_applicable": "–"}


def main(theorem: Theorem) -> None:
    """Check one theorem, print it, and exit with 1 if it failed."""
    parser = argparse.ArgumentParser(description=f"{theorem.id}: {theorem.title}")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of random instances")
    seed = parser.parse_args().seed
    if seed < 0:
        parser.error(f"--seed must be an integer >= 0, got {seed}")
    with ending(parser.prog):
        result = check(theorem, seed)
        say(narrate(result))
    sys.exit(0 if result.status == "verified" else 1)


def narrate(result: TheoremResult) -> str:
    """The check in the order in which the theorem's file reads."""
    theorem = result.theorem
    lines = [f"{theorem.id} — {theorem.title}", "", *_wrapped(theorem.statement, "  ")]
    lines += ["", f"  regime: {theorem.regime}; observed: {theorem.observable}"]
    lines += [f"  estimand: {theorem.estimand}", "", "Assumptions"]
    lines += [f"  {a.name}: {a.statement}" for a in theorem.assumptions] or ["  none"]
    lines += ["", *_symbolic(result), "", *_numeric(result), "", "Without each assumption"]
    for part in result.necessity:
        lines.append(f"  {_MARK[part.status]} {part.assumption}")
        lines += _wrapped(part.story, "      ")
        lines.append(f"      {part.breaks}: off by {part.measured:.3g} (> {part.threshold:.3g})")
        lines += [f"      FAILED: {part.reason}"] if part.reason else []
    lines += ["", "False variants"]
    for variant in result.refuted_variants:
        lines += _wrapped(variant.variant, f"  {_MARK[variant.status]} ", "      ")
        lines.append(
            f"      {variant.status}: off by {variant.measured:.3g} (> {variant.threshold:.3g})"
        )
    if theorem.scope:
        lines += ["", "Scope", *_wrapped(theorem.scope, "  ")]
    lines += ["", f"Sources: {'; '.join(theorem.sources)}"]
    certificate = result.certificate
    bound = "" if certificate.bound is None else f", bound {certificate.bound:.2g}"
    lines.append(f"{result.status} ({certificate.kind.value}{bound}) in {result.seconds:.1f} s")
    return "\n".join(lines)


def _symbolic(result: TheoremResult) -> list[str]:
    symbolic = result.symbolic
    if symbolic.status == "not_applicable":
        return ["Symbolic proof", *_wrapped(f"none: {symbolic.reason}", "  ")]
    lines = ["Symbolic proof", *_wrapped(f"for {symbolic.quantifier}", "  ")]
    marked = [
        (claim, "failed" if claim in symbolic.failed else "verified") for claim in symbolic.claims
    ]
    return lines + [f"  {_MARK[status]} {claim}" for claim, status in marked]


def _numeric(result: TheoremResult) -> list[str]:
    numeric = result.numeric
    lines = [f"Numeric check: {numeric.instances} random instances, against"]
    lines += _wrapped(numeric.oracle, "  ")
    lines += [f"  FAILED: {numeric.reason}"] if numeric.reason else []
    for part in numeric.conclusions:
        lines += _wrapped(part.statement, f"  {_MARK[part.status]} ", "      ")
        lines.append(
            f"      worst {part.worst:.3g}, tolerance {part.tolerance:.3g}: {part.because}"
        )
    return lines


def _wrapped(text: str, first: str, following: str | None = None) -> list[str]:
    rest = first if following is None else following
    return textwrap.wrap(text, 98, initial_indent=first, subsequent_indent=rest)

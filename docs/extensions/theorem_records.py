"""What the page of a theorem shows of its record: plain values, which Sphinx can keep."""

from __future__ import annotations

from typing import Any

from proofs.ledger import READING_ORDER, ledger
from proofs.theorem import Theorem


def records() -> dict[str, dict[str, Any]]:
    """The project's own theorems, by module."""
    own = [theorem for theorem in ledger().values() if theorem.name in READING_ORDER]
    return {f"proofs.{theorem.name}": _shown(theorem) for theorem in own}


def _shown(theorem: Theorem) -> dict[str, Any]:
    symbolic = theorem.symbolic
    return {
        "title": f"{theorem.id}: {theorem.title}",
        "assumptions": [(a.name, a.statement) for a in theorem.assumptions],
        "counterexamples": [(c.assumption, c.story) for c in theorem.counterexamples],
        "false_variants": [variant.statement for variant in theorem.false_variants],
        "symbolic": symbolic if isinstance(symbolic, str) else f"for {symbolic.quantifier}",
        "instances": theorem.instances,
        "oracle": theorem.oracle,
        "scope": theorem.scope,
        "sources": list(theorem.sources),
        "depends_on": ", ".join(theorem.depends_on),
    }


def _configure(app: Any, config: Any) -> None:
    config.autosummary_context = {"theorems": records()}


def setup(app: Any) -> dict[str, Any]:
    """Hand the records to the templates of the reference."""
    app.connect("config-inited", _configure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

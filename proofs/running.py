"""Checks many theorems at once; the answer does not depend on the number of workers."""

from __future__ import annotations

import time
from typing import Any

from identifiability.parallel import ordered_map
from identifiability.progress import Advance, silent
from identifiability.results import SCHEMA, version
from identifiability.verdict import plain
from proofs.checking import check
from proofs.ledger import ledger
from proofs.theorem import Theorem


def run(
    theorems: list[Theorem], seed: int, workers: int = 1, advance: Advance = silent
) -> dict[str, Any]:
    """Check theorems and return the object that ``proofs --json`` writes (interfaces.md)."""
    start = time.perf_counter()
    entries = ordered_map(
        check_by_id,
        [(theorem.id, seed) for theorem in theorems],
        workers=workers,
        advance=advance,
        label=lambda entry: f"theorem {entry['id']}",
    )
    return {
        "version": version(),
        "schema": SCHEMA,
        "seed": seed,
        "seconds": time.perf_counter() - start,
        "theorems": entries,
    }


def check_by_id(identifier: str, seed: int) -> dict[str, Any]:
    """One theorem's entry; found by its identifier, because its functions do not travel."""
    return plain(check(ledger()[identifier], seed).to_dict())

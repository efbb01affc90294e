"""Checks many theorems at once; the answer does not depend on the number of workers."""

from __future__ import annotations

import time
import warnings
from typing import Any

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
    from joblib import Parallel, delayed

    start = time.perf_counter()
    identifiers = [theorem.id for theorem in theorems]
    advance(0, len(identifiers), "theorems")
    jobs = (delayed(check_by_id)(identifier, seed) for identifier in identifiers)
    entries = []
    with warnings.catch_warnings():
        # loky replaces a worker whose memory grew, as it does when torch is imported, and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        for entry in Parallel(n_jobs=workers, return_as="generator")(jobs):
            entries.append(entry)
            advance(len(entries), len(identifiers), f"theorem {entry['id']}")
    return {
        "version": version(),
        "schema": SCHEMA,
        "seed": seed,
        "seconds": time.perf_counter() - start,
        "theorems": entries,
    }


def check_by_id(identifier: str, seed: int) -> dict[str, Any]:
    """One theorem's entry, computed on one thread, so that every machine layout rounds alike."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return plain(check(ledger()[identifier], seed).to_dict())

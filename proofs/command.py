"""The ``proofs`` command, and the proofs' part of ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.errors import InvalidInput
from identifiability.options import Json, Quiet, Seed, Workers
from identifiability.output import give, say
from identifiability.progress import Advance, progress_bar
from identifiability.verify import VerifyPart
from proofs.checking import DEFAULT_SEED
from proofs.ledger import ledger, select


def _completions() -> list[tuple[str, str]]:
    return [(theorem.id, theorem.title) for theorem in ledger().values()]


def command(
    theorems: Annotated[
        list[str] | None,
        typer.Argument(
            help="Identifiers (N1, R2, …) or file names; all of them by default.",
            autocompletion=_completions,
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the theorems and stop.")] = False,
    explaining: Annotated[
        bool, typer.Option("--explain", help="Print what each theorem rests on, and stop.")
    ] = False,
    json: Json = None,
    seed: Seed = DEFAULT_SEED,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Check theorems: symbolic proof, random instances, counterexamples, false variants.

    Examples
    --------
    ::

        identifiability proofs --workers 2     # every theorem
        identifiability proofs N1 R2           # one, and the three parts of R2
        identifiability proofs R4a --explain   # what it rests on
        identifiability proofs --list
        identifiability proofs N7 --json - | jq '.theorems[0].numeric.worst'
    """
    chosen = select(theorems or [])
    if json is not None and (listing or explaining):
        raise InvalidInput("--json holds what was checked; leave out --list and --explain")
    if listing:
        say("\n".join(f"{one.id:<4} {one.name:<36} {one.title}" for one in chosen))
        return
    if explaining:
        from proofs.dependencies import explain

        say("\n\n".join(explain(theorem.id, ledger()) for theorem in chosen))
        return
    from identifiability.results import json_target
    from proofs.running import run

    json_target(json)
    with progress_bar("proofs", quiet=quiet) as advance:
        results = run(chosen, seed, workers, advance)
    give(results, json, table(results))
    raise typer.Exit(0 if all_verified(results) else 1)


def all_verified(results: dict[str, Any]) -> bool:
    """Whether every theorem of a run was verified."""
    return all(entry["status"] == "verified" for entry in results["theorems"])


def table(results: dict[str, Any]) -> str:
    """The ledger as text, one theorem a line."""
    head = ("ID", "title", "certificate", "symbolic", "numeric", "necessity", "variants", "time")
    rows = [head, *(_row(entry) for entry in results["theorems"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)) for r in rows]
    verified = sum(entry["status"] == "verified" for entry in results["theorems"])
    total, seconds = len(results["theorems"]), results["seconds"]
    closing = f"{verified} of {total} theorems verified in {seconds:.1f} s (seed {results['seed']})"
    failed = [entry["id"] for entry in results["theorems"] if entry["status"] != "verified"]
    lines = [line.rstrip() for line in lines] + ["", closing]
    return "\n".join(lines + ([f"FAILED: {', '.join(failed)}"] if failed else []))


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    symbolic, numeric = entry["symbolic"], entry["numeric"]
    exact = {
        "verified": f"{symbolic['identities']} identities",
        "failed": f"FAILED {len(symbolic['failed'])} of {symbolic['identities']}",
        "not_applicable": "–",
    }
    measured = f"{numeric['instances']} instances"
    return (
        entry["id"],
        entry["title"],
        entry["certificate"]["kind"],
        exact[symbolic["status"]],
        measured if numeric["status"] == "verified" else f"FAILED on {measured}",
        _count(entry["necessity"], "verified", "broken"),
        _count(entry["refuted_variants"], "refuted", "refuted"),
        f"{entry['seconds']:.1f} s",
    )


def _count(parts: list[dict[str, Any]], wanted: str, word: str) -> str:
    good = sum(part["status"] == wanted for part in parts)
    return f"{good} {word}" if good == len(parts) else f"FAILED {good} of {len(parts)} {word}"


def _run_all(*, seed: int, full: bool, workers: int, out: Path, advance: Advance) -> dict[str, Any]:
    from proofs.running import run

    return run(select([]), seed, workers, advance)


verify_part = VerifyPart("proofs", "theorems", _run_all, summary=table, good=all_verified)

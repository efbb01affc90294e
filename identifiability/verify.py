"""``identifiability verify``, the main job: theorems, toy truth, a transformer, one report.

The parts come from the folders above the core through the entry points ``identifiability.verify``,
each a ``VerifyPart``; their results are joined in one file, and the report is made from that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from identifiability.endings import resumable
from identifiability.errors import InvalidInput
from identifiability.options import Json, Quiet, Seed, Workers
from identifiability.output import give, is_stdout, say
from identifiability.progress import Advance, progress_bar
from identifiability.unfinished import Unfinished, sources

PARTS = "identifiability.verify"
_ORDER = ("proofs", "toy", "llm")  # the argument: theory, known truth, transformer
_SOURCES = ("identifiability", "proofs", "toy_models", "llm_validation")


class Run(Protocol):
    """Computes a part's results, as the part's own ``--json`` has them."""

    def __call__(
        self, *, seed: int, full: bool, workers: int, out: Path, advance: Advance
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class VerifyPart:
    """What a folder contributes to ``verify``.

    Parameters
    ----------
    name
        Its key in ``results.json``.
    title
        What it checks, in a word, for the progress bar.
    run
        Computes the results.
    summary
        Lines for the terminal, from the results.
    good
        Whether everything that must come out as predicted did, from the results.
    prepare
        Raises ``InvalidInput`` at once if the part cannot run here, before anything is computed.
    """

    name: str
    title: str
    run: Run
    summary: Callable[[dict[str, Any]], str]
    good: Callable[[dict[str, Any]], bool]
    prepare: Callable[[], None] = lambda: None


def command(
    full: Annotated[bool, typer.Option("--full", help="Full-size runs: hours.")] = False,
    out: Annotated[Path, typer.Option(help="Where results and report go.")] = Path("results"),
    json: Json = None,
    seed: Seed = 0,
    workers: Workers = 2,
    quiet: Quiet = False,
) -> None:
    """Check every theorem, every recovery on toy truth, the transformer claims; write a report.

    Examples
    --------
    ::

        identifiability verify
        identifiability verify --seed 1 --workers 4 --out results/seed1
        identifiability verify --json - | jq '.llm.verdicts[].verdict'
        identifiability verify --full --out results/full   # hours
    """
    from identifiability.reporting.build import build_report
    from identifiability.results import (
        SCHEMA,
        json_target,
        output_directory,
        provenance,
        version,
        write_json,
    )

    parts = installed_parts()
    output_directory(out)
    json_target(json)
    for part in parts:
        part.prepare()
    start = time.perf_counter()
    results: dict[str, Any] = {"version": version(), "schema": SCHEMA, "proofs": None}
    known = provenance(seed)
    asked = {key: known[key] for key in ("seed", "python", "machine", "packages")}
    unfinished = Unfinished(out, asked | {"full": full, "sources": sources(_SOURCES)})
    for part in parts:
        if part.name in unfinished.parts:
            results[part.name] = unfinished.parts[part.name]
            text = f"{part.title}: found by a run that was cut short, and not computed again"
        else:
            with resumable(_going_on(out)), progress_bar(part.title, quiet=quiet) as advance:
                found = part.run(seed=seed, full=full, workers=workers, out=out, advance=advance)
                unfinished.keep(part.name, found)
            results[part.name] = found
            text = part.summary(found)
        if not is_stdout(json):
            say(f"{text}\n")
    results["provenance"] = known | {"seconds": time.perf_counter() - start}
    write_json(out / "results.json", results)
    unfinished.done()
    give(results, json, f"report: {build_report(out)}")
    raise typer.Exit(0 if all(part.good(results[part.name]) for part in parts) else 1)


def _going_on(out: Path) -> str:
    return f"what is finished is kept in {out}: run the same command again to go on"


def installed_parts() -> list[VerifyPart]:
    """The parts that are installed, in the order of the argument."""
    found = {entry.name: entry for entry in entry_points(group=PARTS)}
    if missing := [name for name in _ORDER if name not in found]:
        raise InvalidInput(
            f"the parts {', '.join(missing)} are not installed; install the distribution itself "
            "(`pip install -e .`) rather than running from a folder on the path"
        )
    return [found[name].load() for name in _ORDER]

"""The ``toy`` command, and the toy models' part of ``verify``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.progress import Advance, progress_bar
from identifiability.verify import VerifyPart
from toy_models.matrix import (
    DEFAULT_SEEDS,
    FULL_SEEDS,
    all_agree,
    run,
    select,
    select_diagrams,
)

Cell = dict[str, Any]


def command(
    methods: Annotated[
        list[str] | None, typer.Argument(help="Recovery methods; all of them by default.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help=f"Instances of each row; {DEFAULT_SEEDS}, with --full {FULL_SEEDS}.", min=1
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="As many instances as a paper needs.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Directory for results.json and the figures.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the results as JSON; - is stdout.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random instances.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Recovery methods on toy truth: what theory predicts beside what comes back."""
    from identifiability.results import json_target, output_directory, write_json

    rows = select(methods or [])
    json_target(json)
    if out is not None:
        output_directory(out / "figures")
    with progress_bar("toy truth", quiet=quiet) as advance:
        results = run(
            rows,
            select_diagrams(rows),
            seed=seed,
            seeds=seeds or _seeds(full),
            full=full,
            workers=workers,
            advance=advance,
        )
    if out is not None:
        _write(out, results, seed)
    if json is not None:
        write_json(json, results)
    if str(json) != "-":
        typer.echo(table(results))
    raise typer.Exit(0 if all_agree(results) else 1)


def _write(out: Path, results: dict[str, Any], seed: int) -> None:
    """The results, and each diagram as a picture of its own."""
    from identifiability.reporting.diagrams import phase_diagram
    from identifiability.results import provenance, replacing, write_json

    write_json(out / "results.json", results | {"provenance": provenance(seed)})
    for diagram in results["diagrams"]:
        with replacing(out / "figures" / f"{diagram['name']}.svg") as stream:
            stream.write(phase_diagram(diagram).encode())


def _seeds(full: bool) -> int:
    return FULL_SEEDS if full else DEFAULT_SEEDS


def table(results: dict[str, Any]) -> str:
    """The matrix as text: the instances of a model on one line, under method and condition."""
    head = ("model", "condition", "predicted", "observed", "score", "worst", "chance", "n", "d")
    groups = [
        (f"{method}: {condition}", [_line(list(cells)) for _, cells in groupby(group, _row)])
        for (method, condition), group in groupby(results["runs"], _heading)
    ]
    lines = [head, *(line for _, body in groups for line in body)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [_aligned(head, widths)]
    for title, body in groups:
        text += ["", title, *(_aligned(line, widths) for line in body)]
    for diagram in results["diagrams"]:
        text += ["", f"diagram: {diagram['title']}", *map(_check, diagram["checks"])]
    cells, checks = results["runs"], [c for d in results["diagrams"] for c in d["checks"]]
    closing = (
        f"{_agreeing(cells)} cells and {_agreeing(checks)} checks of diagrams as predicted in "
        f"{results['seconds']:.1f} s (seed {results['seed']})"
    )
    return "\n".join([*text, "", closing])


def _check(check: dict[str, Any]) -> str:
    low, high = check["at_least"], check["at_most"]
    bounds = f"predicted in [{_bound(low)}, {_bound(high)}]"
    verdict = "as predicted" if check["agrees"] else "OTHER"
    return f"  {check['statement']}: {bounds}, measured {_bound(check['measured'])}: {verdict}"


def _bound(value: float | None) -> str:
    """JSON has no infinity and no NaN: both are missing there."""
    return "–" if value is None else f"{value:.3g}"


def _agreeing(items: list[dict[str, Any]]) -> str:
    return f"{sum(item['agrees'] for item in items)} of {len(items)}"


def _heading(cell: Cell) -> tuple[str, str]:
    return cell["method"], cell["condition"]


def _row(cell: Cell) -> tuple[str, str, str, bool]:
    return (*_heading(cell), cell["model"], cell["holds"])


def _line(cells: list[Cell]) -> tuple[str, ...]:
    first = cells[0]
    disagreeing = [cell for cell in cells if not cell["agrees"]]
    observed = f"the same, {len(cells)}/{len(cells)}"
    if disagreeing:
        found = sorted({_outcome(cell, "observed") for cell in disagreeing})
        observed = f"OTHER, {len(disagreeing)}/{len(cells)}: {'; '.join(found)}"
    return (
        first["model"],
        "holds" if first["holds"] else "fails",
        _outcome(first, "predicted"),
        observed,
        f"{sum(cell['score'] for cell in cells) / len(cells):.3f}",
        f"{min(cell['score_min'] for cell in cells):.3f}",
        f"{first['chance']:.3f}",
        str(first["n"]),
        str(first["d"]),
    )


def _outcome(cell: Cell, which: str) -> str:
    mode = cell["failure_mode"][which]
    return cell[which] if mode is None else f"{cell[which]}, {mode}"


def _aligned(line: tuple[str, ...], widths: list[int]) -> str:
    text = [cell.ljust(width) for cell, width in zip(line[:4], widths[:4], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(line[4:], widths[4:], strict=True)]
    return "  ".join(text + numbers)


def _run_all(*, seed: int, full: bool, workers: int, advance: Advance) -> dict[str, Any]:
    rows = select([])
    return run(
        rows,
        select_diagrams(rows),
        seed=seed,
        seeds=_seeds(full),
        full=full,
        workers=workers,
        advance=advance,
    )


verify_part = VerifyPart("toy", "toy truth", _run_all, summary=table, good=all_agree)

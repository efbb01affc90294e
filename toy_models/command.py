"""The ``toy`` command, and the toy models' part of ``verify``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from identifiability.options import Json, Quiet, Seed, Workers
from identifiability.output import give
from identifiability.progress import Advance, progress_bar
from identifiability.verify import VerifyPart
from toy_models.matrix import (
    DEFAULT_SEEDS,
    FULL_SEEDS,
    METHODS,
    all_agree,
    run,
    select,
    select_diagrams,
)

Cell = dict[str, Any]
_WIDTH = 100  # characters of a printed line
_LEGEND = (
    "agree: instances that came out as predicted, in outcome and in the way they fail",
    "score: mean over instances, 1 if the truth is back; worst: least score; chance: of ignorance",
    "n: equations or samples; d: width of the vectors",
)
_HEAD = ("agree", "predicted", "score", "worst", "chance", "n", "d")


def command(
    methods: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Of {', '.join(METHODS)}; all of them by default.",
            autocompletion=lambda: list(METHODS),
        ),
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
    json: Json = None,
    seed: Seed = 0,
    workers: Workers = 2,
    quiet: Quiet = False,
) -> None:
    """Recovery methods on toy truth: what theory predicts beside what comes back.

    Examples
    --------
    ::

        identifiability toy ica --seeds 1              # a quick look at one method
        identifiability toy --out results/toy          # all of them, with figures
        identifiability report results/toy --open
        identifiability toy sparse --json - | jq '.runs[0].observed'
    """
    from identifiability.results import json_target, output_directory

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
    give(results, json, table(results))
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
    """The matrix as text: the instances of a row together, under method and condition."""
    width = max((len(number) for cell in results["runs"] for number in _numbers([cell])), default=0)
    text = [*_LEGEND]
    for (method, condition), group in groupby(results["runs"], _heading):
        text += ["", f"{method}: {condition}", _aligned(_HEAD, width)]
        for _, cells in groupby(group, _row):
            text += _entry(list(cells), width)
    for diagram in results["diagrams"]:
        text += ["", f"diagram: {diagram['title']}", *map(_check, diagram["checks"])]
    cells, checks = results["runs"], [c for d in results["diagrams"] for c in d["checks"]]
    closing = (
        f"{_agreeing(cells)} cells and {_agreeing(checks)} checks of diagrams as predicted in "
        f"{results['seconds']:.1f} s (seed {results['seed']})"
    )
    return "\n".join([*text, "", closing])


def _check(check: dict[str, Any]) -> str:
    verdict = "as predicted" if check["agrees"] else "OTHER"
    measured = f"measured {_bound(check['measured'])}, needs {_bounds(check)}"
    return _wrapped(f"{check['statement']}: {measured}: {verdict}", "  ", "      ")


def _bounds(check: dict[str, Any]) -> str:
    """JSON has no infinity: an end that is missing bounds nothing, and is not shown."""
    low, high = check["at_least"], check["at_most"]
    if high is None:
        return f">= {_bound(low)}"
    if low is None:
        return f"<= {_bound(high)}"
    return f"= {_bound(low)}" if low == high else f"in [{_bound(low)}, {_bound(high)}]"


def _bound(value: float | None) -> str:
    """NaN is missing in JSON too."""
    return "–" if value is None else f"{value:.3g}"


def _agreeing(items: list[dict[str, Any]]) -> str:
    return f"{sum(item['agrees'] for item in items)} of {len(items)}"


def _heading(cell: Cell) -> tuple[str, str]:
    return cell["method"], cell["condition"]


def _row(cell: Cell) -> tuple[str, str, str, bool]:
    return (*_heading(cell), cell["model"], cell["holds"])


def _entry(cells: list[Cell], width: int) -> list[str]:
    """Numbers, then the model, then how it fails where it does."""
    first, other = cells[0], [cell for cell in cells if not cell["agrees"]]
    mode = first["failure_mode"]["predicted"]
    word = _word(first, "predicted")
    agreeing = f"{len(cells) - len(other)}/{len(cells)}"
    lines = [_aligned((agreeing, word, *_numbers(cells)), width), _indented(first["model"])]
    if mode is not None:
        lines.append(_indented(f"{'predicted' if other else 'as predicted'}: {mode}"))
    if other:
        found = "; ".join(sorted({_outcome(cell) for cell in other}))
        lines.append(_indented(f"OTHER, {len(other)}/{len(cells)}: {found}"))
    return lines


def _numbers(cells: list[Cell]) -> tuple[str, ...]:
    first = cells[0]
    return (
        f"{sum(cell['score'] for cell in cells) / len(cells):.3f}",
        f"{min(cell['score_min'] for cell in cells):.3f}",
        f"{first['chance']:.3f}",
        str(first["n"]),
        str(first["d"]),
    )


def _outcome(cell: Cell) -> str:
    mode = cell["failure_mode"]["observed"]
    return cell["observed"] if mode is None else f"{_word(cell, 'observed')}, {mode}"


def _word(cell: Cell, which: str) -> str:
    """A method that says it cannot tell has not failed in silence."""
    undecided = (cell["failure_mode"][which] or "").startswith("undecided")
    return "undecided" if undecided else cell[which]


def _aligned(line: tuple[str, ...], width: int) -> str:
    agreeing, word, *numbers = line
    return "  ".join([f"  {agreeing:>6}", f"{word:<9}", *(n.rjust(width) for n in numbers)])


def _indented(text: str) -> str:
    return _wrapped(text, " " * 10, " " * 14)


def _wrapped(text: str, first: str, others: str) -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _run_all(*, seed: int, full: bool, workers: int, out: Path, advance: Advance) -> dict[str, Any]:
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

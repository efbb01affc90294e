"""The ``report`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from identifiability.options import SeedOfNothing, Silent


def command(
    directory: Annotated[
        Path, typer.Argument(help="A directory written by verify, toy, llm or audit.")
    ] = Path("results"),
    formats: Annotated[
        str | None,
        typer.Option(
            "--format", help="Figures as files too, in DIRECTORY/figures: pdf,svg,png or some."
        ),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    quiet: Silent = False,
    _seed: SeedOfNothing = 0,
) -> None:
    """Write the HTML report of what a directory holds.

    Examples
    --------
    ::

        identifiability report                 # of ./results, where verify writes
        identifiability report results/llm --open
        identifiability report results/toy --format pdf,svg
    """
    from identifiability.reporting.build import build_report

    wanted = [] if formats is None else [kind.strip() for kind in formats.split(",")]
    page = build_report(directory, wanted)
    if not quiet:
        typer.echo(f"report: {page}")
        if wanted:
            typer.echo(f"figures: {directory / 'figures'}")
    if open_it:
        typer.launch(page.resolve().as_uri())

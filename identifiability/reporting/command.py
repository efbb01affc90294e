"""The ``report`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    directory: Annotated[Path, typer.Argument(help="A directory written by verify.")] = Path(
        "results"
    ),
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print where it is.")] = False,
) -> None:
    """Write the HTML report of what a directory holds."""
    from identifiability.reporting.build import build_report

    page = build_report(directory)
    if not quiet:
        typer.echo(f"report: {page}")
    if open_it:
        typer.launch(page.resolve().as_uri())

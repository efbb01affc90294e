"""What commands print: text for people, with alarms in red on a terminal, or JSON for pipes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import typer

_ALARM = re.compile(r"\b(FAILED|OTHER)\b")


def say(text: str) -> None:
    """Print text; ``FAILED`` and ``OTHER`` in red where stdout is a terminal that shows colours.

    ``NO_COLOR`` and ``TERM=dumb`` turn colours off there, ``FORCE_COLOR`` on everywhere.
    """
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    wanted = True if os.environ.get("FORCE_COLOR") else None  # None: if it is a terminal
    marked = _ALARM.sub(lambda found: typer.style(found[0], fg="red", bold=True), text)
    typer.echo(text if unwanted else marked, color=wanted)


def give(results: dict[str, Any], json: Path | None, text: str | None) -> None:
    """Results as JSON where that is asked for, and as text, if any, unless the JSON has stdout."""
    from identifiability.results import write_json

    if json is not None:
        write_json(json, results)
    if text is not None and not is_stdout(json):
        say(text)


def is_stdout(json: Path | None) -> bool:
    """Whether stdout belongs to the JSON, so that nothing else may be printed there."""
    return str(json) == "-"

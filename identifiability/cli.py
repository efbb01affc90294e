"""The ``identifiability`` command.

Subcommands are found through the entry points ``identifiability.commands``, which every folder of
the project fills, and loaded only when asked for. Exit status: 0 done, 1 something was not as
predicted, 2 wrong use, said in one sentence on stderr.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import typer.main
from typer.core import TyperGroup

from identifiability.choose import unknown
from identifiability.errors import InvalidInput

COMMANDS = "identifiability.commands"
_ORDER = ("verify", "proofs", "toy", "llm", "extract", "audit", "notebooks", "report", "models")


class LazyCommands(TyperGroup):
    """Commands in the order of the argument: theory, toy, transformer, then reading the results."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = _installed()
        known = [name for name in _ORDER if name in names]
        return known + sorted(set(names) - set(_ORDER))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _installed():
            raise unknown("command", cmd_name, self.list_commands(ctx))
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(_installed()[cmd_name].load())
        return typer.main.get_command(single)


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


app = typer.Typer(cls=LazyCommands, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        from identifiability.results import DISTRIBUTION, version

        typer.echo(f"{DISTRIBUTION} {version()} ({Path(__file__).parent})")
        raise typer.Exit


@app.callback()
def identifiability(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Distribution and its folder."
        ),
    ] = False,
) -> None:
    """Is a steering vector identifiable? Theorems, toy models and transformers, checked."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every foreseeable misuse ends in one sentence and status 2."""
    if arguments is not None:
        # `python -m proofs N1` is `identifiability proofs N1`, and is recorded as that.
        sys.argv = ["identifiability", *arguments]
    try:
        status = app(arguments, standalone_mode=False)
    except InvalidInput as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(error.format_message() if hasattr(error, "format_message") else str(error))
    sys.exit(status if isinstance(status, int) else 0)


def _fail(sentence: str) -> NoReturn:
    print(f"identifiability: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(2)

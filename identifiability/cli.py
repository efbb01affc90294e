"""The ``identifiability`` command.

Subcommands are found through the entry points ``identifiability.commands``, which every folder of
the project fills, and loaded only when asked for. Exit status: 0 done, 1 something was not as
predicted, 2 wrong use, said in one sentence on stderr; ``endings`` has those of a run cut short.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from identifiability.choose import unknown
from identifiability.endings import INTERRUPTED, ending
from identifiability.errors import InvalidInput

PROGRAM = "identifiability"
COMMANDS = "identifiability.commands"
_ORDER = ("verify", "proofs", "toy", "llm", "extract", "audit", "notebooks", "report", "models")
_EXAMPLES = "\nExamples\n--------\n"


class LazyCommands(TyperGroup):
    """Commands in the order of the argument: theory, toy, transformer, then reading the results."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = _installed()
        known = [name for name in _ORDER if name in names]
        return known + sorted(set(names) - set(_ORDER))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        installed = _installed()
        if cmd_name in installed:
            return as_command(cmd_name, installed[cmd_name].load())
        if ctx.resilient_parsing:  # a shell that completes a line wants no advice in the middle
            return None
        raise unknown("command", cmd_name, self.list_commands(ctx))


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


def as_command(name: str, function: Callable[..., None]) -> Any:
    """A command from a function; the examples of its docstring come last, next to the prompt."""
    words, _, examples = (inspect.getdoc(function) or "").partition(_EXAMPLES)
    epilog = "Examples\n" + inspect.cleandoc(examples.removeprefix("::"))
    single = typer.Typer(add_completion=False)
    single.command(name, help=words, epilog=epilog if examples else None)(function)
    return typer.main.get_command(single)


app = typer.Typer(cls=LazyCommands, pretty_exceptions_enable=False)


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
    """Run the command line; without a command, its help."""
    if arguments is not None:
        # `python -m proofs N1` is `identifiability proofs N1`, and is recorded as that.
        sys.argv = [PROGRAM, *arguments]
    with ending(PROGRAM):
        status = _run(sys.argv[1:] or ["--help"])
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        # By its name, however it was called: what completes a line looks for that.
        status = app(arguments, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        raise InvalidInput(error.format_message()) from error
    if status == INTERRUPTED:  # typer has taken it
        raise KeyboardInterrupt
    return status if isinstance(status, int) else 0

"""The directive ``command-help``: what ``identifiability NAME --help`` prints, as it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, ClassVar

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

WIDTH = "72"


def help_text(command: str) -> str:
    """The help of one command, without colours, at a width that fits the page.

    Raises
    ------
    ExtensionError
        If there is no such command.
    """
    plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH}
    done = subprocess.run(
        [sys.executable, "-m", "identifiability", command, "--help"],
        capture_output=True,
        text=True,
        env=os.environ | plain | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if done.returncode != 0:
        raise ExtensionError(f"identifiability {command} --help failed: {done.stderr.strip()}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


class CommandHelp(SphinxDirective):
    """``.. command-help:: NAME``."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """One literal block."""
        text = help_text(self.arguments[0])
        return [nodes.literal_block(text, text, language="none")]


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

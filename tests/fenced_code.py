"""Runs the code of a page of the documentation, block after block, as a reader would.

* ``python`` with prompts (``>>>``): a doctest, ``...`` standing for anything; names last for the
  page;
* ``python`` without: executed, in the same names;
* ``{code-block}`` with a ``:caption:``: written to a file of that name;
* ``console``: each line after ``$`` is run by bash, and its output compared as in a doctest.

All run in one empty folder. Other languages (``text``, ``toml``, ``bibtex``) are shown, not run.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FROM_HERE_SLOW = "<!-- slow from here"
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
_FENCE = re.compile(r"^```(\{code-block\} )?(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"\A:caption: (\S+)\n")
_RUN = {"python", "console"}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it is to be written to, if any, and its text."""

    language: str
    file: str | None
    text: str
    line: int
    slow: bool


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that are run or written."""
    text = page.read_text(encoding="utf-8")
    slow_from = text.find(FROM_HERE_SLOW)
    found = []
    for match in _FENCE.finditer(text):
        body = match[3]
        caption = _CAPTION.match(body) if match[1] else None
        if caption is None and match[2] not in _RUN:
            continue
        if caption is not None:
            body = body[caption.end() :]
        line = text.count("\n", 0, match.start()) + 2
        slow = 0 <= slow_from < match.start()
        found.append(Block(match[2], caption[1] if caption else None, body, line, slow))
    return found


def run(page: Path, chosen: list[Block], folder: Path) -> list[str]:
    """Run blocks in an empty folder; what went wrong, with the page's line."""
    names: dict[str, Any] = {"__name__": "__page__"}
    problems: list[str] = []
    before = os.getcwd(), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        for block in chosen:
            where = f"{page.name}:{block.line}"
            if block.file is not None:
                (folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "console":
                problems += _console(block, where, folder)
            elif ">>>" in block.text:
                problems += _doctest(block, where, names)
            else:
                exec(compile(block.text, where, "exec"), names)
    finally:
        os.chdir(before[0])
        sys.path[:] = before[1]
    return problems


def _doctest(block: Block, where: str, names: dict[str, Any]) -> list[str]:
    test = doctest.DocTestParser().get_doctest(block.text, {}, where, where, block.line - 1)
    test.globs = names  # not a copy: the next block goes on with them
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=_OPTIONS).run(
        test, out=said.append, clear_globs=False
    )
    return ["".join(said)] if said else []


def _console(block: Block, where: str, folder: Path) -> list[str]:
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    problems = []
    for command, expected in _commands(block.text):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            problems.append(f"{where}: {command!r} exited {done.returncode}: {done.stderr}")
        elif not doctest.OutputChecker().check_output(expected, done.stdout, _OPTIONS):
            problems.append(f"{where}: {command!r} printed\n{done.stdout}instead of\n{expected}")
    return problems


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output that follows it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected

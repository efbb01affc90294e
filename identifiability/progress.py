"""One progress bar for every command: on stderr, when that is a terminal, unless quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, int, str], None]
"""``advance(done, total, what)``: so many of the steps are done, ``what`` comes next."""


def silent(done: int, total: int, what: str) -> None:
    """Report nothing."""


@contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Advance]:
    """Show a bar for the steps that the yielded function reports."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # Labels may have brackets, which are not rich's markup.
    what = TextColumn("{task.fields[what]}", markup=False)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), what
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, what="")

        def advance(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, what=what)

        yield advance

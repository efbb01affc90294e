"""A notebook through a fresh kernel; what fails is told with its cell and its traceback."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import suppress
from typing import Any

from identifiability.errors import IdentifiabilityError
from identifiability.progress import Advance, silent

CELL_TIMEOUT = 600  # seconds; a cell that takes longer hangs
# A busy machine may be late with what a cell printed; the default of 4 s then drops it in silence.
_OUTPUT_TIMEOUT = 120

_KERNEL = (
    # The kernel listens on this machine's loopback and signs its messages; that it does not encrypt
    # them as well is no news to whoever runs a notebook here.
    "--IPKernelApp.log_level=ERROR",
    # Twice the pixels at the same size, for dense screens and paper.
    "--InlineBackend.figure_formats={'retina'}",
)
# That tqdm draws its bars as text, which it does in a console without a word.
_NO_WARNING = "ignore:IProgress not found"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(IdentifiabilityError):
    """A cell raised; the message holds the cell and its traceback."""


def execute(notebook: Any, advance: Advance = silent) -> Any:
    """Run every cell in a fresh kernel and keep what it prints and draws.

    Nothing of the clock is kept: the same notebook gives the same outputs and the same file.

    Raises
    ------
    NotebookFailed
        If a cell raises or takes too long, or the kernel dies.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    watch = _Watch(notebook, advance)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        iopub_timeout=_OUTPUT_TIMEOUT,
        raise_on_iopub_timeout=True,
        on_notebook_start=watch.started,
        on_cell_start=watch.begun,
        record_timing=False,
        # Text arrives in pieces that depend on the clock.
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=list(_KERNEL),
    )
    try:
        client.execute(env=_environment())
    except (CellExecutionError, CellTimeoutError) as error:
        raise NotebookFailed(f"{watch.place} failed\n{_plain(str(error))}") from error
    except (DeadKernelError, asyncio.CancelledError) as error:
        if watch.interrupted:
            raise KeyboardInterrupt from error
        raise NotebookFailed(
            f"{watch.place} ended its kernel, perhaps for want of memory\n{watch.source}"
        ) from error
    advance(len(notebook.cells), len(notebook.cells), "")
    return notebook


class _Watch:
    """Where a run is, and whether Ctrl-C ended it."""

    def __init__(self, notebook: Any, advance: Advance) -> None:
        self._notebook, self._advance = notebook, advance
        self._at = 0
        self.interrupted = False

    @property
    def source(self) -> str:
        """Of the cell that runs."""
        return self._notebook.cells[self._at].source

    @property
    def place(self) -> str:
        """Which cell that is, in words."""
        about = subject(self._notebook, self._at)
        number = f"cell {self._at + 1} of {len(self._notebook.cells)}"
        return f"{number} ({about})" if about else number

    def begun(self, cell_index: int, **_: Any) -> None:
        """A cell has begun."""
        self._at = cell_index
        about = subject(self._notebook, cell_index)
        self._advance(cell_index, len(self._notebook.cells), about)

    def started(self, **_: Any) -> None:
        """The kernel has; signals end the run from now on.

        nbclient itself ends the kernel on a signal, calls it dead and lets the program go on.
        """
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def stop() -> None:
            self.interrupted = True
            if task is not None:
                task.cancel()

        with suppress(RuntimeError):  # outside the main thread, or where there are no signals
            loop.add_signal_handler(signal.SIGINT, stop)
            loop.remove_signal_handler(signal.SIGTERM)


def subject(notebook: Any, index: int) -> str:
    """What a cell is about: the last heading, or words in bold that open a text, before it."""
    for cell in reversed(notebook.cells[: index + 1]):
        if cell.cell_type == "markdown":
            found = re.match(r"(?:#+\s+(?P<heading>.+)|\*\*(?P<bold>.+?)\*\*)", cell.source)
            if found:
                return (found["heading"] or found["bold"]).rstrip(".")
    return ""


def _environment() -> dict[str, str]:
    given = os.environ.get("PYTHONWARNINGS")
    return os.environ | {"PYTHONWARNINGS": f"{given},{_NO_WARNING}" if given else _NO_WARNING}


def _plain(text: str) -> str:
    return _COLOURS.sub("", text).rstrip()

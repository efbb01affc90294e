"""How a command ends when it does not simply finish: an exit status and one sentence on stderr."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from identifiability.errors import IdentifiabilityError, InvalidInput

WRONG_USE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell has it
PIPE_CLOSED = 141  # 128 + SIGPIPE; not 1, which says that a check failed


class Interrupted(IdentifiabilityError):
    """Ctrl-C came; the message says how to go on."""


@contextmanager
def resumable(how: str) -> Iterator[None]:
    """Say on Ctrl-C what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(how) from stop


@contextmanager
def ending(program: str) -> Iterator[None]:
    """Run a command; misuse, Ctrl-C and a reader that left end it without a traceback."""
    try:
        yield
        sys.stdout.flush()  # so that a closed pipe is met here, not while Python shuts down
    except InvalidInput as error:
        _end(program, str(error), WRONG_USE)
    except Interrupted as stop:
        _end(program, f"interrupted; {stop}", INTERRUPTED)
    except KeyboardInterrupt:
        sentence = "interrupted; no file is left half written: run the same command again"
        _end(program, sentence, INTERRUPTED)
    except (BrokenPipeError, SystemExit) as end:
        # typer and rich take the error of a closed pipe and exit with 1.
        cause = end.__context__ if isinstance(end, SystemExit) else end
        if not isinstance(cause, BrokenPipeError) or not _reader_left():
            raise
        # Nobody reads what is still to be written, by Python as it shuts down too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _stdout())
        sys.exit(PIPE_CLOSED)


def _end(program: str, sentence: str, status: int) -> NoReturn:
    print(f"{program}: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(status)


def _reader_left() -> bool:
    """Whether it is stdout whose other end is closed, and not another pipe of this process."""
    if os.path.samestat(os.fstat(_stdout()), os.stat(os.devnull)):
        return True  # rich has put that there instead
    waiting = select.poll()
    waiting.register(_stdout(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll(0))


def _stdout() -> int:
    return sys.__stdout__.fileno() if sys.__stdout__ is not None else 1

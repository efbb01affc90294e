"""A terminal for tests: what is written to it can be read back."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper


class Terminal:
    """Both ends of a pseudo-terminal: ``stream`` to write to, ``seen()`` to read."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.stream = TextIOWrapper(os.fdopen(slave, "wb", buffering=0), write_through=True)

    def seen(self) -> str:
        """What was written since the last time, with the line ends of a terminal."""
        self.stream.flush()
        found = b""
        while select.select([self._master], [], [], 0.1)[0]:
            found += os.read(self._master, 65536)
        return found.decode()

    def close(self) -> None:
        """Both ends."""
        self.stream.close()
        os.close(self._master)


@contextmanager
def terminal() -> Iterator[Terminal]:
    """A terminal that is closed at the end."""
    opened = Terminal()
    try:
        yield opened
    finally:
        opened.close()

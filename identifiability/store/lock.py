"""One writer per directory, by a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from identifiability.errors import InvalidInput

LOCK = "results.lock"


def locked(directory: Path, wait: float) -> IO[str]:
    """The lock of the one writer, as an open file; the system lets go of it with the process."""
    path = directory / LOCK
    try:
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"results cannot be written to {directory} ({error.strerror}); "
            "choose a directory that can be written"
        ) from error
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            stream.seek(0)
            holder = stream.read(20).strip()
            stream.close()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise InvalidInput(
                f"{directory} is being written by {who}; wait for it to end or choose another --out"
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        return stream

"""Files from outside, looked at before they are opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from identifiability.choose import shown_path
from identifiability.errors import InvalidInput

MAX_BYTES = 2**28
"""Larger than any results or prompts; whatever is larger was given by mistake."""


def plain_file(path: Path, limit: int = MAX_BYTES) -> Path:
    """The path, if what is there can be read as a whole; a path with nothing there passes.

    To open a pipe is to wait for whoever writes to it, and some devices never end.

    Raises
    ------
    InvalidInput
        If it is a directory, a pipe or a device, or larger than ``limit`` bytes.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return path  # whoever reads it says what should be there
    except OSError as error:
        raise InvalidInput(
            f"cannot read {shown_path(path)}: {error.strerror}; check the path"
        ) from error
    except ValueError as error:  # a NUL in the name
        raise InvalidInput(f"cannot read {shown_path(path)}: {error}; check the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(
            f"cannot read {shown_path(path)}: it must be a plain file; check the path"
        )
    if status.st_size > limit:
        raise InvalidInput(
            f"cannot read {shown_path(path)}: it must be at most {limit // 2**20} MiB, got "
            f"{status.st_size // 2**20} MiB; check the path"
        )
    return path

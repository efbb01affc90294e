"""What a file of vectors holds, before anything is made of it, whatever its format."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from identifiability.choose import shown_path
from identifiability.errors import InvalidInput

MAX_BYTES = 2**30
"""Larger than the vectors of every layer of any model; a whole model is refused before reading."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Arrays by name, and what the file says about them.

    Attributes
    ----------
    arrays
        As stored: any shape, any real dtype (bfloat16 as float32). A file that holds one array
        without a name has it under "".
    metadata
        What this project wrote next to them (``origin.description``); of files of others the
        entries that mean the same.
    layer
        The layer that the file states for its one vector, apart from the names of arrays.
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, str] = field(default_factory=dict)
    layer: int | None = None


def file_size(path: Path, limit: int = MAX_BYTES) -> int:
    """Bytes in the file, at most ``limit``.

    Raises
    ------
    InvalidInput
        If there is no such file, it cannot be read, or it is empty or too large.
    """
    try:
        status = os.stat(path)
        # Looked at before it is opened: to open a pipe is to wait for whoever writes to it.
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput(f"{path} must be a plain file; check the path")
        with path.open("rb"):
            size = status.st_size
    except OSError as error:
        raise InvalidInput(
            f"cannot read {shown_path(path)}: {error.strerror}; check the path"
        ) from error
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        # A NUL in the name.
        raise InvalidInput(f"cannot read {shown_path(path)}: {error}; check the path") from error
    if size == 0:
        raise InvalidInput(f"{path} must hold vectors, it is empty; write it again")
    if size > limit:
        raise InvalidInput(
            f"{path} must be at most {limit // 2**20} MiB, got {size // 2**20} MiB; "
            "is it a model? Save the vectors alone"
        )
    return size


def damaged(path: Path, kind: str, detail: object) -> InvalidInput:
    """The error for a file that is not what its suffix says, or not all of it."""
    said = " ".join(str(detail).split()) or type(detail).__name__
    said = said if said.isprintable() else ascii(said)[1:-1]
    said = said if len(said) <= 200 else f"{said[:200]}…"
    return InvalidInput(f"{path} must be a whole {kind} file ({said}); write or fetch it again")


def listed(names: Iterable[object]) -> str:
    """Names from a file in a sentence: the first few, none of them long."""
    known = [repr(name) if isinstance(name, str) else str(name) for name in names]
    short = [name if len(name) <= 60 else f"{name[:60]}…" for name in known]
    shown = ", ".join(short[:12])
    return shown if len(short) <= 12 else f"{shown} and {len(short) - 12} more"

"""What a row of the table says, and where it is played out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identifiability.errors import InvalidInput
from llm_validation.models import LanguageModel

_SMALL = 2**14
"""Bytes of a file that is compared as a whole; of a larger one its size and time."""


@dataclass(frozen=True)
class Room:
    """Where a case is played out.

    Attributes
    ----------
    files
        Damaged and hostile files by name, the same for all cases (``files.py``).
    out
        A folder of the case's own, with something in it that has to stay as it is.
    model
        A tiny decoder, in memory and as a folder ``model`` in ``files``.
    """

    files: Path
    out: Path
    model: LanguageModel


@dataclass(frozen=True)
class Refused:
    """A call that has to end in one sentence, with nothing written.

    Attributes
    ----------
    name
        What is wrong, in words.
    call
        Does it.
    says
        A part of the sentence.
    error
        The class it must be of; toys know nothing of ours and raise ValueError.
    """

    name: str
    call: Callable[[Room], Any]
    says: str
    error: type[Exception] = InvalidInput


@dataclass(frozen=True)
class Answered:
    """A call that looks odd and is legal: ``right`` says whether the answer is."""

    name: str
    call: Callable[[Room], Any]
    right: Callable[[Any], Any]


@dataclass(frozen=True)
class Misused:
    """A command line that has to end with status 2 and one sentence, with nothing run or written.

    ``{files}``, ``{out}`` and ``{model}`` in arguments stand for the room's.
    """

    name: str
    arguments: Sequence[str]
    says: str

    def filled(self, room: Room) -> list[str]:
        """The arguments for a room."""
        places = {"files": room.files, "out": room.out, "model": room.files / "model"}
        return [argument.format(**places) for argument in self.arguments]


def contents(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything under a folder: what it is, and what is in it."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        what: tuple[Any, ...] = (status.st_mode,)
        if path.is_symlink():
            what = (*what, os.readlink(path))
        elif path.is_file():
            what = (*what, status.st_size, status.st_mtime_ns)
            if status.st_size <= _SMALL:
                what = (*what, path.read_bytes())
        found[str(path.relative_to(folder))] = what
    return found

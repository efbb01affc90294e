"""Picking named things, with the nearest match when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from identifiability.errors import InvalidInput

_MOST = 30  # names in a sentence
_LONGEST = 120  # characters of a name in a sentence: whole for any that is known


def unknown(kind: str, name: Any, known: Iterable[str]) -> InvalidInput:
    """The error for a name that is not among the known ones, naming the nearest."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.5)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    known_ones = f"choose from {', '.join(names[:_MOST])}{more}"
    mend = f"did you mean {folded[near[0]]!r}?" if near else known_ones
    return InvalidInput(f"unknown {kind} {shortened(name)}; {mend}")


def shortened(value: Any) -> str:
    """A value as a sentence shows it: on one line, cut where nobody would read on."""
    shown = repr(value[: _LONGEST + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= _LONGEST + 2 else f"{shown[:_LONGEST]}…"


def shown_path(path: PurePath) -> str:
    """A path as a sentence shows it: as it is, unless it is endless or breaks the line."""
    text = str(path)
    return text if text.isprintable() and len(text) <= 300 else shortened(text)

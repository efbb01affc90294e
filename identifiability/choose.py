"""Picking named things, with the nearest match when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from identifiability.errors import InvalidInput


def unknown(kind: str, name: str, known: Iterable[str]) -> InvalidInput:
    """The error for a name that is not among the known ones, naming the nearest."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    mend = f"did you mean {folded[near[0]]!r}?" if near else f"choose from {', '.join(names)}"
    return InvalidInput(f"unknown {kind} {name!r}; {mend}")

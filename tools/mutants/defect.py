"""A deliberate defect: one passage of the sources, what it becomes, and what should notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class WrongDefect(ValueError):
    """The table of defects does not fit the sources."""


@dataclass(frozen=True)
class Defect:
    """One defect.

    Parameters
    ----------
    name
        Words joined by hyphens.
    file
        Path in the repository, with forward slashes.
    old, new
        The passage, which occurs once in the file, and what it becomes.
    why
        What would go wrong unseen.
    caught_by
        Tests (``tests/….py``, with ``::name`` for one of them) and theorem checks
        (``proofs/….py``), quickest first.
    """

    name: str
    file: str
    old: str
    new: str
    why: str
    caught_by: tuple[str, ...]

    def applied(self, root: Path) -> str:
        """The text of the file with the defect in it.

        Raises
        ------
        WrongDefect
            If the old text is not in the file exactly once.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise WrongDefect(
                f"{self.name}: its old text must occur once in {self.file}, it occurs {found} "
                "times; copy the passage anew"
            )
        return text.replace(self.old, self.new)


def chosen(defects: Sequence[Defect], words: Sequence[str]) -> list[Defect]:
    """Those whose name or file contains any of the words; all of them without words.

    Raises
    ------
    WrongDefect
        If a word names no defect.
    """
    for word in words:
        if not any(word in one.name or word in one.file for one in defects):
            raise WrongDefect(f"no defect has {word!r} in its name or file; see --list")
    return [
        one
        for one in defects
        if not words or any(word in one.name or word in one.file for word in words)
    ]

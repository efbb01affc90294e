"""What a run that is cut short had finished, kept so that the same run goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from identifiability.results import write_json

FILE = "unfinished.json"


class Unfinished:
    """The finished parts of a run in a directory.

    Parameters
    ----------
    directory
        Where the results of the whole will be.
    asked
        JSON-plain: all that the parts depend on. What was kept for anything else is not used.

    Attributes
    ----------
    parts : dict
        What a run that was cut short had found, by the name of the part.
    """

    def __init__(self, directory: Path, asked: dict[str, Any]) -> None:
        self._path = directory / FILE
        self._asked = asked
        self.parts: dict[str, Any] = {}
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
            return  # nothing, or nothing that we wrote
        if isinstance(kept, dict) and kept.get("asked") == asked:
            self.parts = kept["parts"]

    def keep(self, name: str, found: dict[str, Any]) -> None:
        """Note what a part found."""
        self.parts[name] = found
        write_json(self._path, {"asked": self._asked, "parts": self.parts})

    def done(self) -> None:
        """The whole is written: nothing of it may answer for another run."""
        self._path.unlink(missing_ok=True)


def sources(packages: Iterable[str]) -> str:
    """SHA-256 of all Python files of some packages: other code, other results."""
    digest = hashlib.sha256()
    for package in sorted(set(packages)):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(str(path.relative_to(folder)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()

"""Writing results so that a reader never meets half a file, and knows where they came from."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from identifiability.errors import InvalidInput
from identifiability.verdict import plain

DISTRIBUTION = "steering-identifiability"
SCHEMA = 1

_NUMERIC_PACKAGES = ("numpy", "scipy", "sympy", "python-flint", "torch", "transformers")


def version() -> str:
    """Version of the installed distribution, as the index knows it."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "0+not.installed"


def provenance(seed: int, command: list[str] | None = None) -> dict[str, Any]:
    """What one needs to know to compute the same again."""
    installed = {d.name: d.version for d in importlib.metadata.distributions()}
    return {
        "command": command if command is not None else ["identifiability", *sys.argv[1:]],
        "seed": seed,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: installed.get(name) for name in _NUMERIC_PACKAGES},
    }


def output_directory(path: Path) -> Path:
    """Make a directory for results, or say in one sentence why that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InvalidInput(
            f"--out must be a directory that can be written, got {path} ({error.strerror}); "
            "choose another"
        ) from error
    return path


def json_target(path: Path | None) -> Path | None:
    """A path for results, checked before anything is computed; ``-`` (stdout) and None pass."""
    if path is None or str(path) == "-":
        return path
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InvalidInput(
            f"cannot write {path}; name a file in a directory that exists and can be written"
        )
    return path


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON in one step, to stdout for ``-``; missing numbers are null, never NaN."""
    text = json.dumps(plain(content), indent=1, allow_nan=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    with replacing(Path(path)) as stream:
        stream.write(text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """A results file, or one sentence about what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"no results at {path}; run `identifiability verify --out {path.parent}` first"
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(
            f"{path} is not a results file ({error}); write it again with `identifiability verify`"
        ) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise InvalidInput(f"{path} must hold results of schema {SCHEMA}, got {found}; run again")
    return content


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes ``path`` when all of it is written, and nothing otherwise."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InvalidInput(
            f"cannot write {path} ({error.strerror}); choose a directory that can be written"
        ) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        # mkstemp makes files private; results are as readable as any other file of the user's.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

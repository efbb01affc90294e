"""Writing results so that a reader never meets half a file, and knows where they came from."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from identifiability.choose import shortened, shown_path
from identifiability.errors import InvalidInput
from identifiability.plain_file import plain_file
from identifiability.verdict import plain

DISTRIBUTION = "steering-identifiability"
SCHEMA = 1

WRITTEN_BY = "--out of verify, toy, llm or audit"
"""What writes results, for sentences that ask for them."""

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
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(
            f"--out must be a directory that can be written, got {shown_path(path)} ({reason}); "
            "choose another"
        ) from error
    return path


def json_target(path: Path | None) -> Path | None:
    """A path for results, checked before anything is computed; ``-`` (stdout) and None pass."""
    if path is None or str(path) == "-":
        return path
    try:
        if path.is_dir():
            raise IsADirectoryError
        # Named as ``replacing`` will name it: a name may be too long as well.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"cannot write {shown_path(path)}; name a file in a directory that exists and can be "
            "written"
        ) from error
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
        text = plain_file(path).read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except FileNotFoundError as error:
        raise InvalidInput(
            f"no results at {shown_path(path)}; write it with {WRITTEN_BY}"
        ) from error
    except InvalidInput:
        raise
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, JSON or number
        raise InvalidInput(
            f"{shown_path(path)} is not a results file ({error}); write it with {WRITTEN_BY}"
        ) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        is_object = isinstance(content, dict)
        found = shortened(content.get("schema")) if is_object else type(content).__name__
        raise InvalidInput(
            f"{shown_path(path)} must hold results of schema {SCHEMA}, got {found}; "
            "run its command again with this version"
        )
    return content


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_constant(digits)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, where a missing number is null")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes ``path`` when all of it is written, and nothing otherwise."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InvalidInput(
            f"cannot write {shown_path(path)} ({error.strerror}); choose a directory that can be "
            "written"
        ) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        # mkstemp makes files private; results are as readable as any other file of the user's.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:  # the disk is full, or a directory has that name
        os.unlink(temporary)
        raise InvalidInput(
            f"cannot write {shown_path(path)} ({error.strerror or error}); choose another place"
        ) from error
    except BaseException:
        os.unlink(temporary)
        raise

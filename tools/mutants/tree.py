"""A copy of the sources to put defects into, and the checks that run there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tools.mutants.defect import Defect
from tools.mutants.warm import LOADED, TOO_LONG

SOURCES = ("identifiability", "proofs", "toy_models", "llm_validation", "tests", "pyproject.toml")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# A failing test as pytest's summary names it; its message, if there is one, comes after " - ".
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)
_PASSED_OR_FAILED = (0, 1)  # pytest's other statuses say that tests did not run


class Done(NamedTuple):
    status: int
    output: str


class NotRun(Exception):
    """A check that neither passed nor failed."""


class Tree:
    """The sources in a folder of their own.

    Parameters
    ----------
    root
        The checkout, which is only read.
    folder
        Where the copy goes; it must not exist.
    limit
        Seconds after which a check counts as not run.
    loaded
        Whether libraries are imported once for all checks, which pays from a few on.
    """

    def __init__(self, root: Path, folder: Path, limit: float, *, loaded: bool) -> None:
        self._folder, self._limit = folder, limit
        folder.mkdir()
        for name in SOURCES:
            if (root / name).is_dir():
                caches = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(root / name, folder / name, ignore=caches)
            else:
                shutil.copy2(root / name, folder / name)
        environment = {
            **os.environ,
            **ONE_THREAD,
            "PYTHONPATH": str(folder),
            # Compiled files are told from stale ones by size and second, in which a defect may
            # agree with what it replaces.
            "PYTHONDONTWRITEBYTECODE": "1",
            "HF_HUB_OFFLINE": "1",
        }
        self._server = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("warm.py")),
                *([LOADED] if loaded else []),
            ],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process that runs the checks."""
        self._server.communicate()

    @contextmanager
    def with_defect(self, defect: Defect) -> Iterator[None]:
        """While entered, the copy has the defect."""
        path = self._folder / defect.file
        broken, whole = defect.applied(self._folder), path.read_bytes()
        path.write_text(broken, encoding="utf-8")
        try:
            yield
        finally:
            path.write_bytes(whole)

    def first_failure(self, checks: Sequence[str]) -> str | None:
        """The first test or theorem check that fails, None if none does.

        Raises
        ------
        NotRun
            If one of them does not come to an end, or does not begin.
        """
        for theorems, group in groupby(checks, key=_is_theorem):
            if theorems:
                failed = [one for one in group if not self._holds(one)]
            else:
                failed = self._tests([*group], "-x")
            if failed:
                return failed[0]
        return None

    def failures(self, checks: Sequence[str]) -> list[str]:
        """All of the checks that fail."""
        tests = [one for one in checks if not _is_theorem(one)]
        failed = self._tests(tests) if tests else []
        return failed + [one for one in checks if _is_theorem(one) and not self._holds(one)]

    def _tests(self, tests: list[str], *options: str) -> list[str]:
        """Node ids of the failing ones, in their order."""
        done = self._run("pytest", "-q", "-p", "no:cacheprovider", *options, *tests)
        failed = _FAILED.findall(done.output)
        if done.status not in _PASSED_OR_FAILED or bool(failed) != bool(done.status):
            raise NotRun(f"pytest ended with status {done.status}: {_end(done)}")
        return failed

    def _holds(self, theorem: str) -> bool:
        done = self._run(theorem.removesuffix(".py").replace("/", "."))
        # The script ends with its verdict; a crash has none.
        verdict = done.output.strip().rpartition("\n")[2].partition(" ")[0]
        if verdict not in ("verified", "failed"):
            raise NotRun(f"{theorem} gave no verdict: {_end(done)}")
        return verdict == "verified"

    def _run(self, module: str, *arguments: str) -> Done:
        assert self._server.stdin is not None and self._server.stdout is not None
        output = self._folder / ".output"
        request = [module, arguments, str(output), self._limit]
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline().strip()
        if answer == TOO_LONG:
            raise NotRun(f"{module} took more than {self._limit:g} s")
        if not answer:
            raise NotRun("the process that runs checks has ended")
        return Done(int(answer), output.read_text(encoding="utf-8", errors="replace"))


def _is_theorem(check: str) -> bool:
    return check.startswith("proofs/")


def _end(done: Done) -> str:
    return " ".join(done.output.strip()[-300:].split())

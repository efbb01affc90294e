"""Memory of a process and of all that it started, as the system counts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MEASURABLE = Path("/proc/self/smaps_rollup").exists()


def tree_bytes(process: int | None = None) -> int:
    """Proportional set size of the process tree: pages that several share are counted once."""
    return sum(_pss(one) for one in _tree(process or os.getpid()))


def _tree(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _read(children).split():
            yield from _tree(int(child))


def _pss(process: int) -> int:
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    """Empty where the process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""

"""Where a cell runs: one thread, its context, its function, and an outcome that can travel."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from identifiability.cell import Cell, canonical, imported
from identifiability.errors import InvalidInput
from identifiability.store.values import Encoded, encode

# What libraries read when they are loaded; those loaded already are told by threadpoolctl.
ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
}

# A scheduler may give a worker several threads; the context and the thread count belong to the
# process, so its cells take turns.
_TURN = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What came of a cell: a result, or the reason why there is none.

    ``seconds`` is wall time without the context; ``threads`` is the most that any numeric library
    of the process would have used when the function returned.
    """

    result: Encoded | None
    reason: str | None
    seconds: float
    threads: int


def execute(cell: Cell, key: str) -> Outcome:
    """Compute one cell on one thread.

    Raises
    ------
    InvalidInput
        The key is another one here, so that the code or the settings are not the sender's.
    """
    if cell.key != key:
        raise InvalidInput(
            f"the worker that got {cell.label!r} has other code than the sender (their keys "
            "differ); install the same version of the package on every worker"
        )
    started = time.perf_counter()
    with _TURN, _one_thread() as limit:
        try:
            context = _context(canonical(cell.context))
            function = imported(cell.function)
            # The imports may have loaded further libraries.
            limit()
            started = time.perf_counter()
            result = encode(function(context, **cell.arguments()), cell.label)
            reason = None
        except InvalidInput as error:
            result, reason = None, str(error)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            result, reason = None, f"out of memory: {error}".splitlines()[0].rstrip(": ")
        return Outcome(result, reason, time.perf_counter() - started, _threads())


# Two, because a scorer's model may be wanted in turn with the one that is steered.
@lru_cache(maxsize=2)
def _context(description: str) -> Any:
    described = json.loads(description)
    if not described:
        return None
    factory = imported(described.pop("factory"))
    return factory(**described)


@contextmanager
def _one_thread() -> Iterator[Any]:
    from threadpoolctl import threadpool_limits

    environment = {name: os.environ.get(name) for name in ONE_THREAD}
    # Asked for before anything is limited: torch answers with OpenMP's number.
    torch_threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    os.environ.update(ONE_THREAD)
    limits = []

    def limit() -> None:
        limits.append(threadpool_limits(1))
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)

    try:
        limit()
        yield limit
    finally:
        for limited in reversed(limits):
            limited.restore_original_limits()
        # A library that the cell loaded keeps the one thread that it was loaded with.
        if torch_threads is not None:
            sys.modules["torch"].set_num_threads(torch_threads)
        for name, value in environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    # On a CPU torch has no class for it.
    return "DefaultCPUAllocator" in str(error)


def _threads() -> int:
    from threadpoolctl import threadpool_info

    counts = [library["num_threads"] for library in threadpool_info()]
    if "torch" in sys.modules:
        counts.append(sys.modules["torch"].get_num_threads())
    return max(counts, default=1)

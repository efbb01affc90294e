"""Run independent cells: those not done yet, on processes of this machine or on a cluster.

The answer does not depend on where, on how many, in what order, or on how often it was stopped.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from identifiability.cell import Cell
from identifiability.cells.execution import Outcome
from identifiability.cells.local import computed_locally
from identifiability.errors import InvalidInput
from identifiability.progress import Advance, silent
from identifiability.store import Store


class Results(Mapping[Cell, dict[str, Any]]):
    """What came of the cells: ``results[cell]`` is read from the store when asked for.

    Attributes
    ----------
    missing : dict
        Why a cell has no result, by cell. ``results[cell]`` raises a KeyError that says it too.
    """

    def __init__(self, store: Store, cells: Sequence[Cell], missing: Mapping[Cell, str]) -> None:
        self._store = store
        self._done = {cell: None for cell in cells if cell not in missing}
        self.missing = dict(missing)

    def __getitem__(self, cell: Cell) -> dict[str, Any]:
        if cell in self.missing:
            raise KeyError(f"{cell.label}: {self.missing[cell]}")
        if cell not in self._done:
            raise KeyError(f"{cell.label}: not one of the cells that were run")
        return self._store.get(cell.key)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._done)

    def __len__(self) -> int:
        return len(self._done)


def run_cells(
    cells: Sequence[Cell],
    store: Store,
    *,
    workers: int = 2,
    cluster: str | None = None,
    growth: int | None = None,
    advance: Advance = silent,
) -> Results:
    """Compute the cells that the store does not hold, each on one thread, and keep them.

    A cell that raises InvalidInput or runs out of memory is missing, with the reason, and tried
    again the next time; so is one whose worker was killed twice. Any other error is raised, after
    what is done was kept. A run that is stopped goes on where it was when it is called again.

    Parameters
    ----------
    cells : sequence of Cell
        Begun in this order; of equal cells one is computed. Cells of one context are best kept
        together: a process holds two contexts.
    store : Store
        Opened for writing.
    workers : int
        Processes; 1 is this one.
    cluster : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, in place of ``workers``.
    growth : int, optional
        Bytes by which a worker process of this machine may grow after its first cell. One that grew
        by more is replaced and loses what it has built; 300 MB, loky's limit for a leak, if None.
    advance : callable
        Told after every cell how many are done, of how many, and the time left.

    Raises
    ------
    InvalidInput
        The store cannot be written, the scheduler does not answer, or a worker has other code.
    """
    if workers < 1:
        raise InvalidInput(f"workers must be at least 1, got {workers}; 1 is this process alone")
    unique = list(dict.fromkeys(cells))
    waiting = [cell for cell in unique if cell.key not in store]
    done = len(unique) - len(waiting)
    left = _TimeLeft(waiting)
    advance(done, len(unique), waiting[0].label if waiting else "")
    missing: dict[Cell, str] = {}
    # Closed at once when writing fails or is interrupted, so that no worker goes on for nothing.
    with closing(_computed(waiting, workers, cluster, growth)) as computed:
        for cell, outcome in computed:
            if outcome.result is None:
                missing[cell] = outcome.reason or "no reason given"
                store.put_missing(cell, missing[cell])
            else:
                store.put(cell, outcome.result, seconds=outcome.seconds, threads=outcome.threads)
            done += 1
            advance(done, len(unique), f"{cell.label}{left.after(cell, outcome.seconds)}")
    return Results(store, unique, missing)


def _computed(
    waiting: list[Cell], workers: int, cluster: str | None, growth: int | None
) -> Generator[tuple[Cell, Outcome], None, None]:
    if not waiting:
        return
    if cluster is None:
        yield from computed_locally(waiting, workers, growth)
        return
    from identifiability.cells.cluster import computed_on_cluster

    yield from computed_on_cluster(waiting, cluster)


class _TimeLeft:
    """How long the rest will take, from the mean of each function so far."""

    def __init__(self, waiting: Sequence[Cell]) -> None:
        self._left = Counter(cell.function for cell in waiting)
        # Sums, and no lists: a cell of a run of a day costs what one of a minute does.
        self._done: Counter[str] = Counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._started = time.monotonic()
        self._spent = 0.0

    def after(self, cell: Cell, seconds: float) -> str:
        self._left[cell.function] -= 1
        self._done[cell.function] += 1
        self._seconds[cell.function] += seconds
        self._spent += seconds
        means = {name: total / self._done[name] for name, total in self._seconds.items()}
        # A function not met yet is taken for an average one.
        average = sum(means.values()) / len(means)
        work = sum(count * means.get(name, average) for name, count in self._left.items())
        if not work or not self._spent:
            return ""
        # Wall time per second of work so far: workers, waiting and contexts included.
        pace = (time.monotonic() - self._started) / self._spent
        return f", about {_said(work * pace)} left"


def _said(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"

"""Cells computed on this machine, in this process or on worker processes of joblib's loky."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from identifiability.cell import Cell
from identifiability.cells.execution import ONE_THREAD, Outcome, execute

_IDLE = 300  # s a worker is kept for the next cells, with the contexts that it has built


def computed_locally(
    cells: Sequence[Cell], workers: int, growth: int | None = None
) -> Iterator[tuple[Cell, Outcome]]:
    """Each cell with its outcome, as it arrives; begun in their order.

    Cells whose worker is killed are computed once more, alone; killed again, they are missing.
    """
    if workers == 1:
        for cell in cells:
            yield cell, execute(cell, cell.key)
        return
    waiting = deque(cells)
    while waiting:
        killed: list[Cell] = []
        yield from _until_a_worker_is_killed(waiting, workers, growth, killed)
        for cell in killed:
            again: list[Cell] = []
            yield from _until_a_worker_is_killed(deque([cell]), 1, growth, again)
            if again:
                yield cell, _killed_twice()


def _killed_twice() -> Outcome:
    reason = (
        "its worker process was killed, and again when it ran alone; most likely memory ran out: "
        "give it more, or ask for fewer prompts"
    )
    return Outcome(None, reason, 0.0, 1)


def _until_a_worker_is_killed(
    waiting: deque[Cell], workers: int, growth: int | None, killed: list[Cell]
) -> Iterator[tuple[Cell, Outcome]]:
    """Take cells off the left of ``waiting``; those in flight when one is killed go to ``killed``.

    No more are handed out than there are workers, so that a kill can cost no others.
    """
    executor = _executor(workers, growth)
    in_flight: dict[Future[Outcome], Cell] = {}
    mistake: Future[Outcome] | None = None
    with warnings.catch_warnings():
        # loky replaces a worker whose memory grew by more than ``growth``, and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            while (waiting and not killed and not mistake) or in_flight:
                while waiting and not killed and not mistake and len(in_flight) < workers:
                    cell = waiting[0]
                    try:
                        future = executor.submit(_in_worker, os.getpid(), cell, cell.key)
                    except BrokenProcessPool:
                        # It was an idle worker that was killed.
                        executor = _executor(workers, growth)
                        continue
                    in_flight[future] = waiting.popleft()
                done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                for future in done:
                    cell = in_flight.pop(future)
                    if future.exception() is None:
                        yield cell, future.result()
                    elif isinstance(future.exception(), BrokenProcessPool):
                        killed.append(cell)
                    else:
                        mistake = future
            if mistake is not None:  # raised after what was begun with it is finished and kept
                mistake.result()
        except BaseException:
            # An error, Ctrl-C, or a reader that stopped: what is in flight is wanted no more.
            _until_handed_out(in_flight)
            executor.shutdown(wait=False, kill_workers=True)
            raise


def _until_handed_out(futures: Iterable[Future[Outcome]]) -> None:
    """Wait until loky has queued what was submitted: its thread trips over the rest on the way out.

    That takes as long as waking a thread; it would go on to print a KeyError after our own words.
    """
    deadline = time.monotonic() + 1
    while not all(one.running() or one.done() for one in futures) and time.monotonic() < deadline:
        time.sleep(0.01)


def _executor(workers: int, growth: int | None) -> Any:
    # joblib's own, and not loky's: the two share one executor of the process, and joblib.Parallel
    # cannot go on with one that it did not make.
    from joblib.executor import get_memmapping_executor

    return get_memmapping_executor(
        workers,
        timeout=_IDLE,
        max_nbytes=None,
        env=ONE_THREAD,
        # At the start of a worker, not of its first cell: a parent can be killed between the two.
        initializer=_begin,
        initargs=(os.getpid(), growth),
    )


def _begin(parent: int, growth: int | None) -> None:
    """Let this worker grow, if so asked, and end it soon after a parent that was killed."""
    from joblib.externals.loky import process_executor

    if growth is not None:
        process_executor._MAX_MEMORY_LEAK_SIZE = growth  # no argument of loky's sets it

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _in_worker(parent: int, cell: Cell, key: str) -> Outcome:
    if os.getppid() != parent:
        # Killed a moment ago, with this cell still in the queue: do not begin it.
        os._exit(1)
    return execute(cell, key)

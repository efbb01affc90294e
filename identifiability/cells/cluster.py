"""Cells computed by the workers of a Dask scheduler, and through it of Slurm or Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from identifiability.cell import Cell
from identifiability.cells.execution import Outcome, execute
from identifiability.errors import InvalidInput

_ANSWER = 15  # s that a scheduler may take to answer


def computed_on_cluster(cells: Sequence[Cell], address: str) -> Iterator[tuple[Cell, Outcome]]:
    """Each cell with its outcome, as it arrives.

    Dask hands the cells of a worker that is killed to another, and gives up on those that were
    with several killed workers (its ``allowed-failures``). These are computed once more, one at a
    time; killed again, they are missing.
    """
    killed: list[Cell] = []
    client = _client(address)
    try:
        yield from _gathered(client, cells, killed, "")
        for cell in killed:
            again: list[Cell] = []
            yield from _gathered(client, [cell], again, "-alone")
            if again:
                reason = (
                    "its Dask workers were killed, and again when it ran alone; most likely memory "
                    "ran out: start workers with more, or ask for fewer prompts"
                )
                yield cell, Outcome(None, reason, 0.0, 1)
    finally:
        client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "--cluster needs the package distributed, which is not installed; "
            "install steering-identifiability[cluster]"
        ) from error
    try:
        return Client(address, timeout=_ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"no Dask scheduler answers at {address!r}; start one with `dask scheduler` and give "
            "the address that it prints, such as tcp://host:8786"
        ) from error


def _gathered(
    client: Any, cells: Sequence[Cell], killed: list[Cell], suffix: str
) -> Iterator[tuple[Cell, Outcome]]:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = {}
    for cell in cells:
        # The name in front lets the scheduler learn how long cells of one function take.
        name = f"{cell.function.rpartition(':')[2]}-{cell.key}{suffix}"
        futures[client.submit(execute, cell, cell.key, key=name, pure=True)] = cell
    failed: list[BaseException] = []
    arriving = as_completed(list(futures), loop=client.loop)
    for future in arriving:
        if future.status == "lost":
            # A worker was killed with the result in hand; the scheduler has it computed again.
            arriving.add(future)
            continue
        cell = futures.pop(future)
        outcome, error = _fetched(future)
        if isinstance(error, KilledWorker):
            killed.append(cell)
        elif error is not None:
            failed.append(error)
            break
        else:
            yield cell, outcome
        future.release()
    # What is finished is handed over before what failed is raised.
    for future, cell in futures.items():
        if failed and future.status == "finished":
            yield cell, _fetched(future)[0]
    if failed:
        raise failed[0]


def _fetched(future: Any) -> tuple[Any, BaseException | None]:
    """The outcome, or what was raised where it was computed; the other is None."""
    from distributed.comm.core import CommClosedError

    try:
        error = future.exception()
        return (future.result(), None) if error is None else (None, error)
    # Before it was asked, or while it answered.
    except (CancelledError, CommClosedError) as gone:
        raise InvalidInput(
            "the Dask scheduler went away; start it and run again: what is done is kept"
        ) from gone

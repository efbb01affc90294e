"""A Dask scheduler and its workers as processes, for the tests that need a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.identifiability.cell_functions import ROOT


def _process(module: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # A second worker that dies with a cell is enough to suspect the cell.
    environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"],
            stdout=stream,
            stderr=stream,
            env=environment,
        )


@contextmanager
def dask_cluster(
    folder: Path, workers: int = 2, nanny: bool = False
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address of a scheduler, and the processes, it first; none of them outlives the block."""
    about, log = folder / "scheduler.json", folder / "cluster.log"
    place = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(about))
    processes = [_process("dask_scheduler", *place, log=log)]
    try:
        deadline = time.monotonic() + 120  # s; a busy machine takes its time
        while not about.exists() or not about.read_text().strip():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        address = json.loads(about.read_text())["address"]
        options = ("--nthreads", "1", "--local-directory", str(folder))
        options += ("--nanny" if nanny else "--no-nanny",)
        for _ in range(workers):
            processes.append(_process("dask_worker", address, *options, log=log))
        yield address, processes
    finally:
        # Workers first and politely, so that a nanny takes its worker with it.
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

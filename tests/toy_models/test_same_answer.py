"""Toys give the same bits on one process or two and in any order, whatever threads are allowed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

from tests.identifiability.cell_functions import ROOT
from toy_models.matrix import Row, run, select

# An iterated contrast, an l1 path, linear algebra; without torch, which takes workers seconds.
METHODS = ("ica", "sparse", "environment", "invariant")


def _rows() -> list[Row]:
    """The first two of each method."""
    return [row for method in METHODS for row in select([method])[:2]]


def _cells(rows: list[Row], workers: int) -> dict[str, str]:
    """Every number that came out, by row; JSON has all digits of a float."""
    cells = run(rows, seed=7, seeds=1, workers=workers)["runs"]
    return {
        row.key: json.dumps({k: v for k, v in cell.items() if k != "seconds"})
        for row, cell in zip(rows, cells, strict=True)
    }


def test_workers_and_order_change_no_bit():
    rows = _rows()
    expected = _cells(rows, 1)
    mixed = random.Random(5).sample(rows, len(rows))
    assert mixed != rows
    assert _cells(mixed, 1) == expected
    assert _cells(mixed[::-1], 2) == expected
    assert len(set(expected.values())) == len(rows)


def test_threads_that_the_environment_allows_change_no_bit():
    script = (
        "import json; from tests.toy_models.test_same_answer import _cells, _rows\n"
        "print(json.dumps(_cells(_rows(), 1)))"
    )
    answers = []
    for threads in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment |= {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]

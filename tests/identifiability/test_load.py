"""Long runs: memory that does not grow, and a store that stays small and quick.

Figures of the last measurement are in docs/robustness.md; ``-s`` prints new ones.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from identifiability.cells import run_cells
from identifiability.store import Store
from tests.identifiability.cell_functions import cell, numbers_cell
from tests.memory import MEASURABLE, tree_bytes

MB = 1e6
DAY = 50_000
"""Cells of a day: 24 hours of two workers at 3.5 s a cell."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not MEASURABLE, reason="no proportional set sizes here")
def test_memory_of_two_thousand_cells_is_flat(tmp_path):
    """Each takes 20 MB; one in eight gives back a metric of 2.1 MB, the others a few numbers."""
    cells = [cell("heavy", n=n, megabytes=20, large=n % 8 == 0) for n in range(2000)]
    rows = []

    def sample(done, total, what):
        if done % 50 == 0:
            rows.append((done, tree_bytes() / MB))

    with Store(tmp_path) as store:
        assert not run_cells(cells, store, workers=2, advance=sample).missing
    print("MB after cells:", [(done, round(mb)) for done, mb in rows])
    _, used = np.array(rows).T
    early, late = used[4:12].mean(), used[-8:].mean()  # cells 200 to 600, and the last 400
    # A cell that is in flight or not is 20 MB to either side of one sample, 4 MB of a mean of
    # eight; 10 kB kept of each cell would be 14 MB between the two means.
    print(f"{early:.1f} MB early, {late:.1f} MB late")
    assert late - early < 8
    assert used[4:].max() < early + 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_day_of_cells_costs_the_same_each(tmp_path):
    """CPU seconds and bytes of a commit, by block, with the look-ups of a resume at the end."""
    blocks, rows = 10, []
    with Store(tmp_path) as store:
        for block in range(blocks):
            own = [
                numbers_cell(n) for n in range(block * DAY // blocks, (block + 1) * DAY // blocks)
            ]
            keys = [one.key for one in own]
            started = time.process_time()
            for n, one in enumerate(own):
                store.put(one, {"kl": n / 7, "row": [n] * 8})
            spent = (time.process_time() - started) / len(own)
            size = (tmp_path / "results.sqlite").stat().st_size
            rows.append((len(own) * (block + 1), 1000 * spent, size / MB))
            # A thousand pages, after which SQLite moves it into the database.
            assert (tmp_path / "results.sqlite-wal").stat().st_size < 5 * MB
        assert len(keys) == DAY // blocks
    started = time.process_time()
    with Store(tmp_path) as store:
        opened = time.process_time() - started
        started = time.process_time()
        assert all(numbers_cell(n).key in store for n in range(0, DAY, 10))
        found = (time.process_time() - started) / (DAY // 10)
    for done, commit, size in rows:
        print(f"{done:>6} cells: {commit:.3f} ms of CPU a commit, {size:.1f} MB")
    print(f"opened in {opened:.2f} s of CPU, {1000 * found:.3f} ms a look-up with its key")
    counts, commits, sizes = np.array(rows).T
    growth = np.polyfit(np.log(counts), np.log(sizes), 1)[0]
    each = MB * sizes[-1] / DAY
    print(f"size grows as cells to the power {growth:.2f}, {each:.0f} bytes a cell")
    # A tree of pages grows with the logarithm: from the first tenth to the last it is one level at
    # most. A cost in proportion to what is stored would be ten times.
    assert np.median(commits[-3:]) < 2 * np.median(commits[:3])
    assert 0.9 < growth < 1.1
    assert each < 4096

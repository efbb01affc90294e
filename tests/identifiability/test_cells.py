"""Cells run once, and give the same bits wherever they run."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tests.identifiability.cell_functions as functions
from identifiability.cells import Cell, run_cells
from identifiability.cells.execution import execute
from identifiability.errors import InvalidInput
from identifiability.store import Store
from tests.identifiability.cell_functions import CONTEXT, ROOT, cell, contents, numbers_cell


def test_nobody_changes_a_cell_after_its_key(tmp_path):
    array = np.zeros(3)
    changed = cell("writes_into_its_settings", array=array)
    key = changed.key
    array += 5
    with Store(tmp_path) as store:
        assert run_cells([changed], store, workers=1)[changed] == {"sum": 3.0}
    assert changed.key == key
    with pytest.raises(ValueError, match="read-only"):
        changed.settings["array"][0] = 1


def test_a_seed_of_none_is_the_cells_own(tmp_path):
    unseeded = cell("numbers", "", CONTEXT, n=1, seed=None)
    seeded = cell("numbers", "", CONTEXT, n=1, seed=unseeded.seed)
    with Store(tmp_path) as store:
        found = run_cells([unseeded, seeded], store, workers=1)
        assert found[unseeded]["trace"] == found[seeded]["trace"]
        assert unseeded.key != seeded.key
        assert cell("numbers", "", CONTEXT, n=2, seed=None).seed != unseeded.seed


def test_the_answer_is_the_same_bits_on_one_process_or_two_in_any_order(tmp_path):
    cells = [numbers_cell(n) for n in range(12)]
    with Store(tmp_path / "one") as store:
        run_cells(cells, store, workers=1)
        expected = contents(store, cells)
    with Store(tmp_path / "two") as store:
        run_cells(cells[::-1], store, workers=2)
        assert contents(store, cells) == expected
        assert {store.provenance(c.key)["threads"] for c in cells} == {1}
    assert len(set(expected.values())) == 12


@pytest.mark.parametrize("workers", [1, 2])
def test_equal_cells_run_once_and_what_is_stored_not_again(tmp_path, workers):
    note = str(tmp_path / "note")
    cells = [numbers_cell(n, note=note) for n in range(4)]
    again = Cell(cells[0].function, cells[0].settings, cells[0].context, "by another name")
    told = []
    with Store(tmp_path) as store:
        run_cells(cells[:2], store, workers=workers)
        results = run_cells(
            [*cells, again], store, workers=workers, advance=lambda *state: told.append(state)
        )
        assert len(results) == 4
        assert results[again]["trace"] == results[cells[0]]["trace"]
    begun = [line for line in Path(note).read_text().splitlines() if line.startswith("begun")]
    assert sorted(begun) == [f"begun {n}" for n in range(4)]
    assert [state[:2] for state in told] == [(2, 4), (3, 4), (4, 4)]
    assert "left" in told[1][2]
    assert "left" not in told[2][2]


def test_a_context_is_built_once_per_process(tmp_path):
    note = tmp_path / "note"
    context = {**CONTEXT, "note": str(note)}
    cells = [cell("numbers", "", context, n=n, seed=n, pause=0.02) for n in range(10)]
    with Store(tmp_path) as store:
        run_cells(cells, store, workers=2)
    built = note.read_text().splitlines()
    assert 1 <= len(built) == len(set(built)) <= 2


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_measured_is_missing_with_its_reason_and_tried_again(tmp_path, workers):
    cells = [cell("unmeasurable", n=n) for n in range(3)] + [
        cell("not_a_number"),
    ]
    reasons = {
        cells[1]: "no prompt is left in cell 1; give more",
        cells[3]: "not_a_number {}: result 'kl' is NaN; what cannot be measured is None, "
        "with a reason",
    }
    for _ in range(2):
        with Store(tmp_path) as store:
            results = run_cells(cells, store, workers=workers)
            assert results.missing == reasons
            assert {c: r for c, r in results.items()} == {cells[0]: {"n": 0}, cells[2]: {"n": 2}}
            assert store.missing() == {c.key: reason for c, reason in reasons.items()}
            with pytest.raises(KeyError, match="no prompt is left"):
                results[cells[1]]
            with pytest.raises(KeyError, match="not one of the cells"):
                results[numbers_cell(99)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_is_raised_after_what_is_done_was_kept(tmp_path, workers):
    cells = [cell("defective", n=n) for n in range(6)]
    with Store(tmp_path) as store:
        with pytest.raises(ZeroDivisionError):
            run_cells(cells, store, workers=workers)
        assert all(c.key in store for c in cells[:3])
        assert cells[3].key not in store


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_goes_on(tmp_path, workers):
    cells = [cell("interrupted", n=n) for n in range(5)]
    with Store(tmp_path) as store, pytest.raises(KeyboardInterrupt):
        run_cells(cells, store, workers=workers)
    with Store(tmp_path) as store:
        assert cells[0].key in store
        rest = [c for c in cells if c != cells[2]]
        assert [r["n"] for r in run_cells(rest, store, workers=workers).values()] == [0, 1, 3, 4]


def test_a_library_loaded_by_the_first_cell_gets_one_thread_too(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from identifiability.cells import run_cells; from identifiability.store import Store\n"
        "from tests.identifiability.cell_functions import cell\n"
        "assert 'torch' not in sys.modules\n"
        f"seen = cell('threads_seen')\nwith Store(Path({str(tmp_path)!r})) as store:\n"
        "    found = run_cells([seen], store, workers=1)[seen]['threads']\n"
        "    print(found, store.provenance(seen.key)['threads'])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_threads_are_given_back(tmp_path):
    import torch

    threads, environment = torch.get_num_threads(), dict(os.environ)
    torch.set_num_threads(2)
    try:
        seen = cell("threads_seen")
        with Store(tmp_path) as store:
            assert run_cells([seen], store, workers=1)[seen] == {"threads": 1}
        assert torch.get_num_threads() == 2
        assert dict(os.environ) == environment
    finally:
        torch.set_num_threads(threads)


def test_a_worker_with_other_code_is_refused(monkeypatch):
    sent = numbers_cell(1)
    key = sent.key
    monkeypatch.setattr(functions, "VERSION", 99)
    with pytest.raises(InvalidInput, match="same version of the package on every worker"):
        execute(pickle.loads(pickle.dumps(sent)), key)


def test_workers_that_grow_keep_what_they_built(tmp_path):
    """loky's own limit is 300 MB after the first cell, looked at once a second."""
    note = tmp_path / "note"
    cells = [cell("keeps", n=n, note=str(note), size=150 * 2**20) for n in range(10)]
    with Store(tmp_path) as store:
        assert not run_cells(cells, store, workers=2, growth=2**32).missing
    processes = note.read_text().split()
    assert len(processes) == 10
    assert len(set(processes)) == 2


def test_no_workers_are_refused(tmp_path):
    with Store(tmp_path) as store, pytest.raises(InvalidInput, match="workers must be at least 1"):
        run_cells([], store, workers=0)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_memory_that_cannot_be_had_costs_the_cell_only(tmp_path, library):
    greedy = cell("out_of_memory", library=library)
    with Store(tmp_path) as store:
        results = run_cells([greedy, numbers_cell(1)], store, workers=1)
    assert list(results) == [numbers_cell(1)]
    assert results.missing[greedy].startswith("out of memory: ")
    assert "allocate" in results.missing[greedy]

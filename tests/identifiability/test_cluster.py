"""A real scheduler with two worker processes: the same bits, and nothing lost with a worker."""

import builtins
import signal
import time
from pathlib import Path

import pytest

from identifiability.cells import Cell, run_cells
from identifiability.errors import InvalidInput
from identifiability.store import Store
from tests.identifiability.cell_functions import (
    CONTEXT,
    MODULE,
    cell,
    contents,
    numbers_cell,
)
from tests.identifiability.dask_processes import dask_cluster

pytest.importorskip("distributed", reason="needs the extra cluster")


def _lines(note):
    return Path(note).read_text().splitlines() if Path(note).exists() else []


def test_a_cluster_gives_the_bits_of_one_process_and_survives_the_loss_of_a_worker(tmp_path):
    note = str(tmp_path / "note")
    context = {**CONTEXT, "note": str(tmp_path / "contexts")}
    cells = [
        Cell(f"{MODULE}:numbers", {"n": n, "seed": n, "pause": 0.05}, context, f"numbers {n}")
        for n in range(16)
    ]
    slow = [numbers_cell(n, note=note, pause=0.2) for n in range(20)]
    with Store(tmp_path / "here") as store:
        run_cells([*cells, cell("unmeasurable", n=1)], store, workers=1)
        expected = contents(store, cells)
        run_cells(slow, store, workers=1)
        expected_slow = contents(store, slow)
    (tmp_path / "contexts").unlink()
    Path(note).unlink()

    with dask_cluster(tmp_path) as (address, processes), Store(tmp_path / "cluster") as store:
        told = []
        results = run_cells(
            [*cells, cell("unmeasurable", n=1)],
            store,
            cluster=address,
            advance=lambda *state: told.append(state[0]),
        )
        assert contents(store, cells) == expected
        assert list(results.missing.values()) == ["no prompt is left in cell 1; give more"]
        assert told == list(range(18))
        assert {store.provenance(c.key)["threads"] for c in cells} == {1}
        # Once per worker that took part.
        assert len(_lines(tmp_path / "contexts")) == len(set(_lines(tmp_path / "contexts"))) <= 2

        with pytest.raises(ZeroDivisionError):
            run_cells([cell("defective", n=n) for n in range(6)], store, cluster=address)

        def kill_one(done, total, what):
            if done == 6:
                processes[1].send_signal(signal.SIGKILL)

        assert not run_cells(slow, store, cluster=address, advance=kill_one).missing
        assert contents(store, slow) == expected_slow
        assert processes[1].wait(10) == -signal.SIGKILL
        # Dask computes again what the lost worker had not handed over, and nothing else.
        ended = [line for line in _lines(note) if line.startswith("ended")]
        assert set(ended) == {f"ended {n}" for n in range(20)}


def test_results_that_go_with_their_worker_before_they_are_fetched_are_computed_again(tmp_path):
    """As happens on a busy machine, where results wait: it is no scheduler that went away."""
    note = str(tmp_path / "note")
    cells = [numbers_cell(n, note=note, pause=0.4) for n in range(12)]
    with Store(tmp_path / "here") as store:
        run_cells(cells, store, workers=1)
        expected = contents(store, cells)
    Path(note).unlink()

    with dask_cluster(tmp_path) as (address, processes), Store(tmp_path / "cluster") as store:

        def kill_one_with_what_it_holds(done, total, what):
            if done == 1:
                deadline = time.monotonic() + 30
                while sum(line.startswith("ended") for line in _lines(note)) < len(cells):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                processes[1].kill()
                processes[1].wait()
                time.sleep(0.5)  # until the scheduler has told; what it computes again takes longer

        run_cells(cells, store, cluster=address, advance=kill_one_with_what_it_holds)
        assert contents(store, cells) == expected
    assert sum(line.startswith("ended") for line in _lines(note)) > len(cells)


@pytest.mark.slow
def test_a_cell_that_kills_every_worker_is_missing_and_costs_no_other(tmp_path):
    note = str(tmp_path / "note")
    cells = [cell("killed", n=n, note=note, times=99, only=2) for n in range(6)]
    with dask_cluster(tmp_path, nanny=True) as (address, _), Store(tmp_path / "out") as store:
        results = run_cells(cells, store, cluster=address)
        assert list(results.missing) == [cells[2]]
        assert "killed, and again when it ran alone" in results.missing[cells[2]]
        assert [r["n"] for r in results.values()] == [0, 1, 3, 4, 5]


def test_a_scheduler_that_goes_away_is_a_sentence_and_what_is_done_is_kept(tmp_path):
    cells = [numbers_cell(n, pause=0.2) for n in range(20)]
    with (
        dask_cluster(tmp_path, workers=1) as (address, processes),
        Store(tmp_path / "out") as store,
    ):

        def kill_scheduler(done, total, what):
            if done == 3:
                processes[0].kill()

        with pytest.raises(InvalidInput, match="scheduler went away"):
            run_cells(cells, store, cluster=address, advance=kill_scheduler)
        assert 3 <= len(store.keys()) < 20


def test_no_scheduler_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("identifiability.cells.cluster._ANSWER", 1)
    with Store(tmp_path) as store:
        for address in ("tcp://127.0.0.1:9", "nonsense://x"):
            with pytest.raises(InvalidInput, match="no Dask scheduler answers at"):
                run_cells([numbers_cell(1)], store, cluster=address)


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    whole = builtins.__import__

    def without(name, *rest, **named):
        if name == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'")
        return whole(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with Store(tmp_path) as store, pytest.raises(InvalidInput, match=r"\[cluster\]"):
        run_cells([numbers_cell(1)], store, cluster="tcp://127.0.0.1:9")

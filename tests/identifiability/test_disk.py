"""What a real disk does to a run: it fills up, is read-only, or is copied while it is written.

Each child has a mount table of its own, so that nothing mounted outlives it.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import cache

import pytest

from identifiability.cells import run_cells
from identifiability.errors import InvalidInput
from identifiability.store import Store
from tests.identifiability.cell_functions import ROOT, contents, numbers_cell

CELLS = 60
MOUNTS = ["unshare", "--map-root-user", "--mount"]

START = """
import os, subprocess, sys
from pathlib import Path
from identifiability.cells import run_cells
from identifiability.errors import InvalidInput
from identifiability.store import Store
from tests.identifiability.cell_functions import contents, numbers_cell
folder = Path(sys.argv[1])
cells = [numbers_cell(n, size=400) for n in range(int(sys.argv[2]))]
def run(size):
    with Store(folder) as store:
        found = run_cells(cells, store, workers=size)
        assert not found.missing
        return contents(store, cells)
"""


@cache
def _may_mount():
    if shutil.which("unshare") is None:
        return False
    tried = [*MOUNTS, "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


def _child(script, *arguments, before=(), **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*before, sys.executable, "-c", START + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


FULL = """
mount = lambda *how: subprocess.run(["mount", "-t", "tmpfs", "-o", *how, str(folder)], check=True)
mount("size=600k", "tmpfs")
try:
    run(int(sys.argv[3]))
    sys.exit("the disk did not fill up")
except InvalidInput as error:
    print(error)
with Store(folder, write=False) as store:
    kept = contents(store, [cell for cell in cells if cell.key in store])
assert 1 < len(kept) < len(cells), len(kept)
mount("remount,size=16m", "tmpfs")
done = run(int(sys.argv[3]))
undisturbed = folder / "undisturbed"
folder = undisturbed
assert done == run(1)
assert kept.items() <= done.items()
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(not _may_mount(), reason="nothing can be mounted here")
def test_a_disk_that_is_full_keeps_what_is_done_and_the_run_goes_on_when_there_is_room(
    tmp_path, workers
):
    said = _child(FULL, tmp_path, CELLS, workers, before=MOUNTS)
    assert "is full" in said or "No space left" in said
    assert "run again: what is done is kept" in said


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    run(1)
    sys.exit("no file grew to the limit")
except InvalidInput as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with Store(folder, write=False) as store:
    kept = contents(store, [cell for cell in cells if cell.key in store])
assert 1 < len(kept) < len(cells), len(kept)
done = run(1)
folder = folder / "undisturbed"
assert done == run(1)
assert kept.items() <= done.items()
"""


def test_files_that_may_not_grow_are_a_sentence(tmp_path):
    """As by a quota; where nothing can be mounted this is the full disk."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    said = _child(LIMITED, tmp_path, CELLS)
    assert str(tmp_path) in said and "run again: what is done is kept" in said


READ_ONLY = """
done = run(1)
subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
try:
    Store(folder)
    sys.exit("it could be written")
except InvalidInput as error:
    print(error)
with Store(folder, write=False) as store:
    assert contents(store, cells) == done
"""


@pytest.mark.skipif(not _may_mount(), reason="nothing can be mounted here")
def test_a_read_only_disk_can_be_read_and_not_written_even_by_root(tmp_path):
    said = _child(READ_ONLY, tmp_path, 6, before=MOUNTS)
    assert "Read-only file system" in said and "choose another" in said


@pytest.mark.parametrize("what", ["directory", "database", "replaced"])
def test_a_store_that_is_taken_away_while_it_is_written_is_told_with_the_next_cell(tmp_path, what):
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    with Store(folder) as store:
        store.put(numbers_cell(0), {"n": 0})
        if what == "directory":
            folder.rename(elsewhere)
        else:
            (folder / "results.sqlite").unlink()
        if what == "replaced":
            (folder / "results.sqlite").write_bytes(b"")
        with pytest.raises(InvalidInput, match=r"was moved, removed or replaced .* run again"):
            store.put(numbers_cell(1), {"n": 1})
    if what == "directory":
        with Store(elsewhere) as store:
            assert store.keys() == [numbers_cell(0).key]


def _writing(folder):
    """A process that writes more cells than anyone will wait for."""
    script = "print('open', flush=True)\nrun(1)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", START + script, str(folder), "2000"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def test_a_store_copied_while_it_is_written_gives_right_numbers_or_a_sentence(tmp_path):
    """Files of a copy are of different moments: the database, its log, the arrays."""
    cells = [numbers_cell(n, size=400) for n in range(2000)]
    original = tmp_path / "original"
    original.mkdir()
    process = _writing(original)
    copies = []
    try:
        process.stdout.readline()
        while not (original / "arrays").exists():
            time.sleep(0.01)
        for n in range(30):
            copies.append(tmp_path / f"copy{n}")
            shutil.copytree(original, copies[-1], ignore=lambda _, names: _passing(names))
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with Store(original) as store:
        expected = contents(store, [cell for cell in cells if cell.key in store])
    held = [_held(copy, cells) for copy in copies]
    for found in held:
        assert found is None or found.items() <= expected.items()
    # Most of what is copied can be read, and the last copies hold more than the first.
    read = [len(found) for found in held if found is not None]
    assert len(read) > 15 and read[-1] > read[0]


def _passing(names):
    """Files that a copy would find gone: they are renamed when they are whole."""
    return [name for name in names if name.startswith(".")]


def _held(folder, cells):
    """What a copy gives for its cells; None where it says that it is damaged."""
    try:
        with Store(folder) as store:
            done = [cell for cell in cells if cell.key in store]
            return contents(store, done)
    except InvalidInput as error:
        assert "run again" in str(error)
        return None


@pytest.mark.parametrize("cut", ["nothing", "a frame", "half", "all but the end", "gone"])
def test_a_log_that_lost_its_end_costs_the_last_cells_and_no_right_number(tmp_path, cut):
    cells = [numbers_cell(n) for n in range(12)]
    killed = tmp_path / "killed"
    script = "folder = Path(sys.argv[1])\nrun_cells(cells, Store(folder), workers=1)\nos._exit(0)"
    _child(script, killed, len(cells))
    log = killed / "results.sqlite-wal"
    whole = log.read_bytes()
    if cut == "gone":
        log.unlink()
    else:
        kept = {"nothing": 0, "a frame": 4152, "half": len(whole) // 2}
        log.write_bytes(whole[: kept.get(cut, len(whole) - 1)])
    with Store(tmp_path / "undisturbed") as store:
        run_cells(cells, store, workers=1)
        expected = contents(store, cells)
    try:
        with Store(killed) as store:
            before = sum(cell.key in store for cell in cells)
            run_cells(cells, store, workers=1)
            assert contents(store, cells) == expected
            assert before < len(cells)
    except InvalidInput as error:
        assert "is damaged" in str(error)

"""How a command ends: exit statuses, one sentence, and never a traceback."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from identifiability.endings import Interrupted, ending, resumable
from identifiability.errors import InvalidInput
from identifiability.store import Store
from tests.identifiability.cell_functions import ROOT, short_run

CELLS = 30


def _end_of(capsys, error):
    with pytest.raises(SystemExit) as stopped, ending("program"):
        raise error
    out, err = capsys.readouterr()
    assert out == ""
    return stopped.value.code, err


def test_misuse_is_one_line_and_status_2(capsys):
    assert _end_of(capsys, InvalidInput("a must be b,\n  got c")) == (
        2,
        "program: a must be b, got c\n",
    )


def test_an_interrupted_run_says_how_to_go_on(capsys):
    with pytest.raises(Interrupted) as stopped, resumable("run it again"):
        raise KeyboardInterrupt
    expected = 130, "program: interrupted; run it again\n"
    assert _end_of(capsys, stopped.value) == expected


def test_an_interruption_anywhere_else_is_a_sentence_too(capsys):
    status, words = _end_of(capsys, KeyboardInterrupt())
    assert status == 130
    assert words.startswith("program: interrupted; no file is left half written")


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), ending("program"), resumable("again"):
        print(1 / 0)


def test_a_status_passes_and_a_broken_pipe_that_is_not_stdout_is_an_error():
    with pytest.raises(SystemExit, match="3"), ending("program"):
        sys.exit(3)
    with pytest.raises(BrokenPipeError), ending("program"):
        raise BrokenPipeError


WRITES = """
import sys
from identifiability.endings import ending
with ending("program"):
    sys.stdout.write("a line\\n" * int(sys.argv[1]))
    {then}
print("never reached", file=sys.stderr)
"""


@pytest.mark.parametrize("then", ["pass", "sys.stdout.flush()"])
@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_nobody_reads_ends_in_silence(lines, then):
    """Whether that is noticed when it is written, when it is flushed, or at the very end."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", WRITES.format(then=then), str(lines)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


RUN = """
import sys
from pathlib import Path
from identifiability.cells import run_cells
from identifiability.endings import ending, resumable
from identifiability.store import Store
from tests.identifiability.cell_functions import short_run
folder, cells, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with ending("program"), resumable(f"run it again with {folder.name}"), Store(folder) as store:
    told = lambda *state: print(*state, flush=True)
    run_cells(short_run(folder, cells), store, workers=workers, advance=told)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(tmp_path, workers):
    """To the whole group of processes, as a terminal sends it."""
    command = [sys.executable, "-c", RUN, str(tmp_path), str(CELLS), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **settings)
    for _ in range(4):
        process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == f"program: interrupted; run it again with {tmp_path.name}\n"
    mine = short_run(tmp_path, CELLS)
    with Store(tmp_path, write=False) as store:
        kept = sum(cell.key in store for cell in mine)
    assert 3 <= kept < CELLS
    again = subprocess.run(command, env=environment, check=True, timeout=60, **settings)
    assert again.stdout.splitlines()[0].startswith(f"{kept} {CELLS} ")
    begun = Counter(
        line for line in (tmp_path / "note").read_text().splitlines() if line.startswith("begun")
    )
    # Only what was in flight is computed again.
    assert sum(begun.values()) <= CELLS + workers

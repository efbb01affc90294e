"""Cheap cell functions for the tests, and cells of them, importable in worker processes."""

import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np

from identifiability.cell import Cell
from identifiability.errors import InvalidInput

MODULE = "tests.identifiability.cell_functions"
VERSION = 1
CONTEXT = {"factory": f"{MODULE}:offset_context", "offset": 0.1}
ROOT = Path(__file__).parent.parent.parent


def cell(name, label="", context=None, **settings):
    return Cell(f"{MODULE}:{name}", settings, context or {}, label or f"{name} {settings}")


def numbers_cell(n, **settings):
    return cell("numbers", f"numbers {n}", CONTEXT, n=n, seed=n, **settings)


def short_run(folder, n):
    """Cells of a twentieth of a second that note in the folder what was begun."""
    return [numbers_cell(i, note=str(folder / "note"), pause=0.05) for i in range(n)]


def contents(store, cells):
    """Everything stored, as bytes that differ if one bit differs."""
    return {c.key: pickle.dumps(store.get(c.key)) for c in cells}


def offset_context(offset, note=None):
    """Notes that it was built, so that a test can count."""
    if note is not None:
        append(note, f"context {os.getpid()}")
    return offset


KEPT = []


def keeps(context, n, note, size):
    """Keeps so many bytes more with every call, and notes its process."""
    KEPT.append(np.ones(size, np.uint8))
    append(note, os.getpid())
    time.sleep(0.4)
    return {"n": n}


def append(path, line):
    """One short write in append mode: whole lines even from several processes."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def numbers(context, n, seed, note=None, pause=0.0, size=3):
    """Sums whose last digits depend on the order in which they are added up."""
    if note is not None:
        append(note, f"begun {n}")
    time.sleep(pause)
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((40, 40))
    product = matrix @ matrix.T
    if note is not None:
        append(note, f"ended {n}")
    return {
        "trace": float(np.linalg.slogdet(product)[1] + context),
        "row": product[n % 40, :size],
        "large": rng.standard_normal(9000) if n % 5 == 0 else None,
    }


def heavy(context, n, megabytes, large):
    """Takes memory as a measurement does, and gives it back; what is large is kept in a file."""
    rng = np.random.default_rng(n)
    width = 512 if large else 8
    pieces = [np.full(125_000, rng.random()) for _ in range(megabytes)]
    return {"metric": rng.random((width, width)), "sum": float(sum(one[0] for one in pieces))}


def unmeasurable(context, n):
    if n == 1:
        raise InvalidInput(f"no prompt is left in cell {n}; give more")
    return {"n": n}


def defective(context, n, pause=0.0):
    time.sleep(pause)
    return {"n": 1 / (n - 3)}


def not_a_number(context):
    return {"kl": float("nan")}


def out_of_memory(context, library):
    if library == "torch":
        import torch

        torch.empty(2**50)
    np.empty(2**57)


def interrupted(context, n):
    if n == 2:
        raise KeyboardInterrupt
    return {"n": n}


def killed(context, n, note, times, only=None):
    """Kills its own process the first ``times`` times that cell ``only`` is begun."""
    append(note, f"begun {n}")
    begun = Path(note).read_text().split("\n").count(f"begun {n}")
    if n == only and begun <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": n}


def threads_seen(context):
    import torch
    from threadpoolctl import threadpool_info

    counts = [library["num_threads"] for library in threadpool_info()]
    return {"threads": max([*counts, torch.get_num_threads()])}


def writes_into_its_settings(context, array):
    array += 1
    return {"sum": float(array.sum())}

"""What is put comes out bit for bit, says where it came from, and has one writer."""

import os
import subprocess
import sys

import numpy as np
import pytest

from identifiability.cell import Cell
from identifiability.errors import InvalidInput
from identifiability.store import Store
from identifiability.store.values import LARGE

RESULT = {
    "kl": 0.1 + 0.2,
    "tiny": 5e-324,
    "zero": -0.0,
    "far": float("-inf"),
    "nested": {"name": "naïve “quotes”\n", "flags": [True, None, 3, 2**70]},
    "single": np.linspace(0, 1, 7, dtype=np.float32).reshape(7, 1),
    "complex": np.array([1 + 2j, -0.0]),
    "mask": np.array([[True], [False]]),
    "empty": np.empty((0, 3)),
    "scalar": np.array(2.5),
    "words": np.array(["a", "ßß"]),
    "inf": np.array([np.inf, -np.inf]),
    "large": np.random.default_rng(0).standard_normal((100, 90)),
    "deep": {"a/../b": np.arange(LARGE, dtype=np.int16), "a b": np.arange(LARGE, dtype=np.int16)},
}


def _cell(n=0):
    return Cell("math:hypot", {"x": float(n), "y": 4.0}, {}, f"cell {n}")


def _same(found, expected):
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
        assert found.flags.writeable
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            _same(found[name], value)
    else:
        assert repr(found) == repr(expected)


def test_results_come_back_bit_for_bit_also_in_another_process_and_after_closing(tmp_path):
    with Store(tmp_path) as store:
        store.put(_cell(), RESULT)
        _same(store.get(_cell().key), RESULT)
    _same(store.get(_cell().key), RESULT)
    with Store(tmp_path, write=False) as reader:
        _same(reader.get(_cell().key), RESULT)
    assert len(list((tmp_path / "arrays").iterdir())) == 3
    assert all(p.name.startswith(_cell().key) for p in (tmp_path / "arrays").iterdir())


def test_what_is_not_done_is_a_key_error(tmp_path):
    with Store(tmp_path) as store:
        assert _cell().key not in store
        with pytest.raises(KeyError):
            store.get(_cell().key)


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), np.array([1.0, np.nan])])
def test_nan_is_no_result(tmp_path, value):
    with Store(tmp_path) as store:
        with pytest.raises(InvalidInput, match=r"'a.kl'.* NaN"):
            store.put(_cell(), {"a": {"kl": value}})
        assert _cell().key not in store


@pytest.mark.parametrize("result", [{"a": object()}, {1: 2}, {"a": np.array([object()])}, [1]])
def test_results_that_are_not_plain_are_a_mistake_of_the_function(tmp_path, result):
    with Store(tmp_path) as store, pytest.raises(TypeError, match="cell 0"):
        store.put(_cell(), result)


def test_each_cell_names_the_run_that_computed_it(tmp_path):
    for n, seed in ((0, 11), (1, 12)):
        with Store(tmp_path, seed=seed, command=["identifiability", "llm", str(n)]) as store:
            store.put(_cell(n), {"n": n}, seconds=1.5, threads=1)
    with Store(tmp_path, write=False) as store:
        runs = {run["id"]: run for run in store.runs()}
        assert [run["seed"] for run in runs.values()] == [11, 12]
        made = store.provenance(_cell(1).key)
        assert (made["label"], made["seconds"], made["threads"]) == ("cell 1", 1.5, 1)
        assert runs[made["run"]]["command"] == ["identifiability", "llm", "1"]
        assert runs[made["run"]]["packages"]["numpy"] == np.__version__
        assert made["finished"].endswith("+00:00")


def test_a_reason_stays_until_the_cell_is_done(tmp_path):
    with Store(tmp_path) as store:
        store.put_missing(_cell(), "no prompt is left")
        store.put_missing(_cell(), "no prompt is left, again")
        assert store.missing() == {_cell().key: "no prompt is left, again"}
        assert _cell().key not in store
        store.put(_cell(), {"n": 1})
        assert store.missing() == {}


def test_a_prediction_is_stated_once_and_never_changed(tmp_path):
    with Store(tmp_path) as store:
        store.state_prediction("N8/formality", {"low": 0.1, "high": 0.3, "n": None})
        store.state_prediction("other", [1.0, float("inf")])
    with Store(tmp_path) as store:
        store.state_prediction("N8/formality", {"n": None, "high": 0.3, "low": 0.1})
        with pytest.raises(InvalidInput, match="before measuring"):
            store.state_prediction("N8/formality", {"low": 0.1, "high": 0.30000000000000004})
        expected = {"N8/formality": {"high": 0.3, "low": 0.1, "n": None}}
        assert store.predictions() == {**expected, "other": [1.0, float("inf")]}
        with pytest.raises(InvalidInput, match="too large"):
            store.state_prediction("large", np.zeros(LARGE))


def test_a_second_run_waits_and_then_names_the_first(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from identifiability.store import Store\n"
        f"store = Store(Path({str(tmp_path)!r})); print('open', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "open\n"
        with pytest.raises(InvalidInput, match=f"written by process {first.pid}"):
            Store(tmp_path, wait=0.3)
        Store(tmp_path, write=False).close()
        first.kill()
        Store(tmp_path, wait=5).close()
    finally:
        first.kill()
        first.wait()
        first.stdout.close()


def test_one_process_is_one_writer_too(tmp_path):
    with Store(tmp_path), pytest.raises(InvalidInput, match=f"process {os.getpid()}"):
        Store(tmp_path, wait=0)
    Store(tmp_path, wait=0).close()

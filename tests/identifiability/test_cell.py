"""A cell is what its key says, in every process."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import identifiability.cell as cell_module
import tests.identifiability.cell_functions as functions
from identifiability.cell import Cell
from identifiability.errors import InvalidInput
from tests.identifiability.cell_functions import ROOT, cell, numbers_cell


def test_the_key_is_of_everything_but_the_label_and_of_no_order():
    vector = np.arange(3.0)
    base = cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=vector, rate=0.1)
    same = cell("numbers", "b", {"factory": "os:getcwd"}, rate=0.1, vector=vector.copy(), n=1)
    assert base == same
    assert hash(base) == hash(same)
    # Equal arrays in another layout or byte order are equal settings.
    wide = np.stack([vector, vector], axis=1)[:, 0].astype(">f8")
    assert cell("numbers", "", {"factory": "os:getcwd"}, n=1, vector=wide, rate=0.1) == base
    others = [
        cell("defective", "a", {"factory": "os:getcwd"}, n=1, vector=vector, rate=0.1),
        cell("numbers", "a", {"factory": "os:getpid"}, n=1, vector=vector, rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd", "x": 1}, n=1, vector=vector, rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1.0, vector=vector, rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=True, vector=vector, rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=vector, rate=0.1 + 1e-17 * 2),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=np.float32(vector), rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=vector[None], rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=list(vector), rate=0.1),
        cell("numbers", "a", {"factory": "os:getcwd"}, n=1, vector=vector + 1e-16, rate=0.1),
    ]
    assert len({c.key for c in [base, *others]}) == 11


def test_versions_of_code_are_part_of_the_key(monkeypatch):
    keys = {numbers_cell(1).key}
    monkeypatch.setattr(functions, "VERSION", 2)
    keys.add(numbers_cell(1).key)
    monkeypatch.setattr(cell_module, "CELL_VERSION", cell_module.CELL_VERSION + 1)
    keys.add(numbers_cell(1).key)
    assert len(keys) == 3


def test_the_key_is_the_same_in_every_process():
    script = (
        "from tests.identifiability.cell_functions import numbers_cell; print(numbers_cell(3).key)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == numbers_cell(3).key
    assert pickle.loads(pickle.dumps(numbers_cell(3))).key == numbers_cell(3).key


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (float("nan"), "finite and no negative zero, got nan"),
        (float("inf"), "got inf"),
        (-0.0, "got -0.0"),
        ([{"a": np.float32("nan")}], r"\[0\]\['a'\] must be finite"),
        (np.array([1.0, np.nan]), "must be finite"),
        (np.array([object()]), "dtype object"),
        (object(), "got object"),
        ({1: 2}, "must be text, got 1"),
        (Path("x"), "a path with str"),
    ],
)
def test_settings_that_have_no_key_are_refused(value, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        cell("numbers", value=value)


def test_a_function_without_a_name_is_refused():
    with pytest.raises(InvalidInput, match=r"package\.module:name"):
        _ = Cell("math.hypot", {}, {}, "").key


def test_descriptions_are_kept_for_people(tmp_path):
    assert json.loads(numbers_cell(1).described)["settings"] == {"n": 1, "seed": 1}


def test_equal_bytes_of_another_dtype_are_another_cell():
    whole, real = (cell("numbers", "a", vector=np.zeros(2, dtype)) for dtype in ("<i8", "<f8"))
    assert whole.key != real.key

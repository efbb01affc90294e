"""Result files are whole or absent, and hold no NaN."""

import json

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.results import (
    SCHEMA,
    output_directory,
    provenance,
    read_json,
    replacing,
    write_json,
)
from identifiability.verdict import Verdict


def test_numbers_that_are_missing_are_null_and_arrays_are_lists(tmp_path):
    path = tmp_path / "r.json"
    write_json(
        path, {"a": np.float64("nan"), "b": np.arange(2), "c": Verdict.UNDETERMINED, 3: (1,)}
    )
    assert json.loads(path.read_text()) == {"a": None, "b": [0, 1], "c": "undetermined", "3": [1]}


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "r.json"
    write_json(path, {"old": True})
    with pytest.raises(KeyboardInterrupt), replacing(path) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert json.loads(path.read_text()) == {"old": True}
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_stdout_gets_json_and_nothing_else(capsys):
    write_json("-", {"x": 1})
    assert json.loads(capsys.readouterr().out) == {"x": 1}


def test_reading_back_and_each_way_to_be_wrong(tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(InvalidInput, match="no results"):
        read_json(path)
    for text, sentence in (
        ("{", "not a results file"),
        ("[" * 10_000, "not a results file"),
        ("[]", "schema"),
        ('{"schema": 1, "x": 1e999}', "it holds 1e999, where a missing number is null"),
        ('{"schema": 999}', "got 999"),
        ('{"schema": "1\\n2"}', r"got '1\\n2'; run its command again"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=sentence):
            read_json(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="not a results file"):
        read_json(path)
    write_json(path, {"schema": SCHEMA})
    assert read_json(path) == {"schema": SCHEMA}


def test_a_file_in_the_way_of_the_output_directory_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InvalidInput, match="--out must be a directory"):
        output_directory(blocked)
    assert output_directory(tmp_path / "a" / "b").is_dir()


def test_provenance_names_versions_and_no_place():
    found = provenance(7, ["identifiability", "verify"])
    assert found["seed"] == 7
    assert found["packages"]["numpy"] == np.__version__

"""Lists of numbers by name, and JSON that is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors.json_file import _MAX_BYTES, encoded, read
from tests.llm_validation.vectors.examples import written


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("[1, 2.5]", [""]),
        ("\ufeff[1, 2.5]", [""]),
        ('{"vector": [1, 2.5], "note": "mine", "layer": 3}', ["vector"]),
        ('{"15": [1, 2.5], "layer.16": [3, 4], "model": "x"}', ["15", "layer.16"]),
        ('{"vectors": {"15": [1, 2.5]}, "metadata": {"trait": "t", "n": 3}}', ["15"]),
    ],
)
def test_lists_are_found_by_name(tmp_path, content, names):
    found = read(written(tmp_path / "v.json", content.encode()))
    assert list(found.arrays) == names
    assert found.arrays[names[0]].tolist() == [1, 2.5]
    assert found.layer == (3 if names == ["vector"] else None)
    assert found.metadata == ({"trait": "t"} if "metadata" in content else {})


def test_every_float64_survives_its_digits(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**62, 2000)
    values = bits.view(np.float64)[np.isfinite(bits.view(np.float64))]
    found = read(written(tmp_path / "v.json", encoded({1: values}, {}))).arrays["1"]
    assert (found.view(np.int64) == values.view(np.int64)).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[" * 10_000 + b"]" * 10_000, "must be a whole JSON file .*recursion"),
        (b'{"a":' * 10_000, "must be a whole JSON file"),
        (b"[1, NaN]", "it holds NaN, which is not a number"),
        (b"[1, -Infinity]", "it holds -Infinity"),
        (b"[" + b"9" * 400 + b"]", "numbers below 1e308, got a larger integer"),
        (b"[" + b"9" * 5000 + b"]", "must be a whole JSON file .*4300 digits"),
        (b'["1", "2"]', "the list must be a list of numbers"),
        (b"[true, 1]", "the list must be a list of numbers"),
        (b"[1, [2]]", "the list must be a list of numbers"),
        (b"[[1], [1, 2]]", "or lists of equal length"),
        (b'{"v": [[[1]]]}', "'v' must be a list of numbers"),
        (b'"text"', "must be a list of numbers or an object of them"),
        (b'{"trait": "x"}', "got none; add it"),
        (b"\xff\xfe[\x001\x00]\x00", "codec can't decode"),
        (b"[1, 2", "must be a whole JSON file"),
    ],
)
def test_other_json_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(written(tmp_path / "v.json", content))


def test_a_file_too_large_to_become_python_objects_is_not_read(tmp_path):
    path = tmp_path / "v.json"
    with path.open("wb") as stream:
        stream.truncate(_MAX_BYTES + 1)  # a hole: no bytes on the disk
    with pytest.raises(InvalidInput, match="must be at most 32 MiB, got 32 MiB; is it a model"):
        read(path)


def test_what_is_written_is_plain_json(tmp_path):
    content = json.loads(encoded({15: np.array([0.1, -2])}, {"trait": "t"}))
    assert content == {"metadata": {"trait": "t"}, "vectors": {"15": [0.1, -2.0]}}

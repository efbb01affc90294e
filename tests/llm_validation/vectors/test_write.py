"""What is written is read back, in one step, or refused before anything is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors import SteeringVector, read_vectors, write_vectors
from llm_validation.vectors.write import check_target
from tests.llm_validation.vectors.examples import MANY, SUFFIXES, example, origin_of


@pytest.mark.parametrize("suffix", MANY)
def test_vectors_and_where_they_came_from_come_back(tmp_path, suffix):
    path = tmp_path / f"vectors{suffix}"
    vectors = example((3, 1, 12))
    write_vectors(path, vectors)
    found = read_vectors(path)
    assert [vector.layer for vector in found] == [1, 3, 12]
    for back, vector in zip(found, sorted(vectors, key=lambda v: v.layer), strict=True):
        # GGUF control vectors are float32: equal after the cast, and exactly so.
        kept = vector.vector.astype(np.float32) if suffix == ".gguf" else vector.vector
        assert (back.vector == kept).all()
        assert back.vector.dtype == np.float64
        assert origin_of(back) == origin_of(vector)


def test_npy_keeps_the_numbers_alone(tmp_path):
    (vector,) = example((2,))
    write_vectors(tmp_path / "vector.npy", vector)
    (back,) = read_vectors(tmp_path / "vector.npy", layer=5)
    assert (back.vector == vector.vector).all()
    assert back.layer == 5
    assert {value for name, value in origin_of(back).items() if name != "layer"} == {None}


@pytest.mark.parametrize("suffix", MANY)
def test_a_vector_without_a_record_comes_back_without_one(tmp_path, suffix):
    bare = SteeringVector(np.array([1.5, -2.25]), 4)
    write_vectors(tmp_path / f"bare{suffix}", bare)
    (back,) = read_vectors(tmp_path / f"bare{suffix}")
    assert (back.vector == bare.vector).all()  # short enough for float32
    assert origin_of(back) == origin_of(bare)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_vectors_give_equal_files(tmp_path, suffix):
    path = tmp_path / f"vectors{suffix}"
    contents = set()
    for _ in range(4):
        write_vectors(path, example((1,)))
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_refused_write_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"vectors{suffix}"
    write_vectors(path, example((1,)))
    before = path.read_bytes()
    zero = replace(example((1,))[0], vector=np.zeros(8))
    with pytest.raises(InvalidInput, match="layer 1 must be finite, not zero and in the range"):
        write_vectors(path, zero)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def changed(**fields):
    first, second = example()
    return [first, replace(second, **fields)]


@pytest.mark.parametrize(
    ("name", "vectors", "sentence"),
    [
        ("a.npz", example(), "must end in .safetensors, .gguf, .npy, .* got 'a.npz'; save"),
        ("a", example(), "must end in .safetensors.* got 'a'"),
        ("a.npy", example(), "a .npy file holds one vector, got 2; choose .safetensors"),
        ("a.gguf", example((0, 1)), "has layers from 1 .* got layer 0; leave it out or choose"),
        ("a.pt", [], "at least one steering vector, got none"),
        ("a.pt", example((1, 1)), "of different layers from 0, got 1, 1; a file for each"),
        ("a.pt", example((-1,)), "of different layers from 0, got -1"),
        ("a.pt", changed(vector=np.ones(3)), r"\(d,\) of one width, got "),
        ("a.pt", changed(vector=np.array([np.inf] * 32)), "layer 3 must be finite.* up to inf"),
        ("a.gguf", changed(vector=np.full(32, 1e40)), "layer 3 must be .* float32, got .* 1e.40"),
        ("a.gguf", changed(vector=np.full(32, 1e-50)), "layer 3 must be .* float32"),
        ("a.json", changed(trait="other"), "must have one trait, got 'formality' and 'other'"),
        ("a.json", changed(n_pairs=3), "must have one n_pairs, got 12 and 3"),
        ("none/a.pt", example(), "cannot write .*none/a.pt"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(tmp_path, name, vectors, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        write_vectors(tmp_path / name, vectors)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "layers", "sentence"),
    [
        ("a.txt", [1], "must end in"),
        ("a.gguf", [0], "got layer 0; leave it out"),
        ("a.npy", [1, 2], "holds one vector"),
        ("none/a.pt", [1], "cannot write .*name a file in a directory that exists"),
        (".", [1], "must end in"),
    ],
)
def test_a_target_is_refused_before_the_work(tmp_path, name, layers, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        check_target(tmp_path / name, layers)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_good_target_is_left_alone(tmp_path, suffix):
    check_target(tmp_path / f"a{suffix}", [])
    check_target(tmp_path / f"a{suffix}", [5])
    assert list(tmp_path.iterdir()) == []

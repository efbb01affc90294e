"""Layers, keys, widths and models; and a file is read or refused, whatever is in it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability.errors import InvalidInput
from llm_validation.hooks import read_states
from llm_validation.precision import true_precision
from llm_validation.vectors import read_vector, read_vectors, write_vectors
from tests.llm_validation.tiny_language_model import tiny_language_model
from tests.llm_validation.vectors.examples import (
    SUFFIXES,
    damaged,
    example,
    origin_of,
    written,
)

SEVEN = [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture(scope="module")
def model():
    """Four blocks of width 32."""
    return tiny_language_model()


def saved(folder, content):
    return written(folder / "vectors.json", json.dumps(content).encode())


def test_a_layer_is_found_by_its_number_also_from_the_end(tmp_path, model):
    path = tmp_path / "vectors.safetensors"
    vectors = example((1, 3))
    write_vectors(path, vectors)
    for layer, expected in ((1, vectors[0]), (3, vectors[1]), (-1, vectors[1]), (-3, vectors[0])):
        found = read_vector(path, layer=layer, model=model)
        assert (found.vector == expected.vector).all()
        assert origin_of(found) == origin_of(expected)


def test_layers_come_in_rising_order_whatever_the_order_in_the_file(tmp_path):
    path = saved(tmp_path, {"10": [1, 2], "layer.2": [3, 4], "model.layers.5": [5, 6]})
    assert [(v.layer, *v.vector) for v in read_vectors(path)] == [(2, 3, 4), (5, 5, 6), (10, 1, 2)]


def test_a_lone_vector_takes_the_layer_it_is_asked_for(tmp_path, model):
    path = saved(tmp_path, list(range(32)))
    assert read_vector(path, layer=-1, model=model).layer == 3
    assert read_vectors(path, layer=2)[0].layer == 2
    with pytest.raises(InvalidInput, match="does not say the layer of its vector; give layer="):
        read_vectors(path)


def test_a_stated_layer_wins_over_the_one_asked_for(tmp_path):
    path = saved(tmp_path, {"vector": SEVEN, "layer": 4, "scores": [1, 2]})
    assert read_vectors(path)[0].layer == 4
    assert read_vector(path, layer=4).layer == 4
    with pytest.raises(InvalidInput, match=r"no vector for layer 5 .* it has layers 4: choose"):
        read_vector(path, layer=5)


@pytest.mark.parametrize("extra", [0, 1])
def test_rows_without_names_are_layers_or_hidden_states(tmp_path, model, extra):
    """``hidden_states`` has the embedding first, so that its row i + 1 is after block i."""
    rows = np.random.default_rng(0).standard_normal((4 + extra, 32))
    path = tmp_path / "rows.npy"
    np.save(path, rows)
    found = read_vectors(path, model=model)
    assert [vector.layer for vector in found] == [0, 1, 2, 3]
    assert all((v.vector == rows[v.layer + extra]).all() for v in found)
    assert (read_vector(path, layer=-2, model=model).vector == rows[2 + extra]).all()
    with pytest.raises(InvalidInput, match="give the model, which tells whether row 0 is the emb"):
        read_vectors(path)


def test_the_hidden_states_of_the_model_itself_come_back_at_their_layers(tmp_path, model):
    """The convention against the model rather than against its description."""
    ids = torch.tensor([[5, 9, 11]])
    with true_precision(model.model):
        hidden = model.model(input_ids=ids, output_hidden_states=True).hidden_states
    # The last entry is after the final norm, which no block's output is.
    torch.save(torch.stack([entry[0, -1] for entry in hidden]), tmp_path / "hidden.pt")
    for vector in read_vectors(tmp_path / "hidden.pt", model=model)[:-1]:
        state = read_states(model, ids, vector.layer)[-1].numpy()
        assert np.abs(vector.vector - state).max() < 1e-12 * np.abs(state).max()


def test_a_key_picks_one_of_several(tmp_path):
    path = saved(tmp_path, {"warm": [1, 2], "cold": [3, 4], "layer.3": [5, 6]})
    assert read_vector(path, layer=7, key="cold").vector.tolist() == [3, 4]
    assert [v.layer for v in read_vectors(path)] == [3]
    assert read_vectors(path, key="layer.3")[0].layer == 3
    with pytest.raises(InvalidInput, match="unknown key 'colt'; did you mean 'cold'"):
        read_vector(path, layer=7, key="colt")


def test_zero_layers_of_many_are_left_out_and_named_when_asked_for(tmp_path):
    path = saved(tmp_path, {"1": [0, 0], "2": [1, 0], "3": [0, 0], "4": [0, 2]})
    assert [vector.layer for vector in read_vectors(path)] == [2, 4]
    with pytest.raises(InvalidInput, match=r"'3' \(layer 3\) is zero .* choose from layers 2, 4"):
        read_vector(path, layer=3)


def test_one_bad_layer_does_not_keep_another_from_being_read(tmp_path):
    path = tmp_path / "two.pt"
    torch.save({1: torch.tensor([torch.nan, 1.0]), 2: torch.tensor([3.0, 4.0])}, path)
    assert read_vector(path, layer=2).norm == 5
    with pytest.raises(InvalidInput, match="'1' must be finite"):
        read_vectors(path)


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        (SEVEN, {"layer": 0, "width": 5}, r"must be \(5,\), the width .* got \(7,\); take it from"),
        (SEVEN, {"layer": -1}, "layer must be 0 or more without a model .*, got -1"),
        (SEVEN, {"layer": 1.0}, "layer must be an integer, got 1.0"),
        (SEVEN, {"layer": True}, "layer must be an integer, got True"),
        ([0, 0, 0], {"layer": 1}, "is zero and steers nothing; extract it again"),
        ([[1, 2], [3, 4]], {"layer": 1}, r"an array \(2, 2\) without the names of layers"),
        ({"3": SEVEN}, {"layer": 2}, r"no vector for layer 2 .*; it has layers 3: choose one"),
        ({"3": SEVEN, "layer.3": SEVEN}, {"layer": 3}, "'3' and 'layer.3' for one layer; choose"),
        ({"a": SEVEN, "b": SEVEN}, {"layer": 3}, "holds 'a', 'b', of which none names a layer"),
        (SEVEN, {"layer": 1, "key": "a"}, "one array, which has no name; leave key= out"),
        ([1e-60, 1e-70], {"layer": 1}, "in the range of float32, got entries up to 1e-60"),
        ([1e60, 1], {"layer": 1}, "in the range of float32, got entries up to 1e.60"),
        ([5.0], {"layer": 1}, r"must be \(d,\), the width .* got \(1,\)"),
        ({"3": [[1, 2], [3, 4]]}, {"layer": 3}, r"'3' must be \(d,\).* got \(2, 2\)"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path, content, arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read_vector(saved(tmp_path, content), **arguments)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (SEVEN, r"must be \(32,\), the width of the residual stream of tiny-llama, got \(7,\)"),
        ({"4": [1] * 32}, "a vector for layer 4, tiny-llama has layers 0 to 3"),
        (
            np.ones((3, 32)).tolist(),
            r"one vector \(32,\), or 4 rows \(after .*\) or 5 \(hidden_states\) .* got \(3, 32\)",
        ),
    ],
)
def test_what_does_not_fit_the_model_says_what_would(tmp_path, model, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read_vector(saved(tmp_path, content), layer=3, model=model)


def test_a_vector_of_other_weights_is_refused(tmp_path, model):
    path = tmp_path / "vectors.gguf"
    write_vectors(path, example())
    other = SimpleNamespace(**(vars(model) | {"weights_sha256": "cd" * 32}))
    with pytest.raises(InvalidInput, match="the weights abababababab, tiny-llama has cdcdcdcdcdcd"):
        read_vector(path, layer=1, model=other)
    assert read_vector(path, layer=1, model=model).layer == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_gives_a_vector_or_one_sentence(tmp_path_factory, suffix, data):
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"whole{suffix}"
    if not path.exists():
        write_vectors(path, example((1, 3) if suffix != ".npy" else (1,), width=8))
    content = data.draw(damaged(path.read_bytes()))
    broken = written(folder / f"broken{suffix}", content)
    try:
        found = read_vectors(broken, layer=1)
    except InvalidInput as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
    else:
        assert all(np.isfinite(v.vector).all() and v.norm > 0 for v in found)

"""Tensors by key, pickles that would run code, and parts that lie about their length."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.vectors import read_vector, read_vectors, write_vectors
from llm_validation.vectors.torch_file import read
from tests.llm_validation.vectors.examples import example, written

VALUES = [1.5, -2.0, 0.09375, 300.0]  # exact in bfloat16


def saved(content: object, **arguments: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **arguments)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensor: tensor,
        torch.nn.Parameter,
        lambda tensor: tensor.repeat(3, 2)[1, 4:],  # a view with an offset
        lambda tensor: {"vector": tensor, "layer": 3, "note": "mine"},
        lambda tensor: {3: tensor},
        lambda tensor: collections.OrderedDict([("model.layers.3", tensor[None])]),
    ],
)
def test_a_tensor_or_a_dict_of_them_is_read(tmp_path, dtype, wrap):
    path = written(tmp_path / "v.pt", saved(wrap(torch.tensor(VALUES, dtype=dtype))))
    assert read_vector(path, layer=3).vector.tolist() == VALUES


def test_torch_reads_what_is_written(tmp_path):
    vectors = example((0, 12))
    write_vectors(tmp_path / "v.pt", vectors)
    content = torch.load(tmp_path / "v.pt", weights_only=True)
    assert list(content) == ["layer.0", "layer.12", "metadata"]
    assert content["layer.12"].tolist() == vectors[1].vector.tolist()
    assert content["metadata"]["trait"] == "formality"


class Hostile:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, trace: object) -> None:
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "ran"
    for content in (Hostile(trace), {"layer.1": torch.ones(3), "x": Hostile(trace)}):
        path = written(tmp_path / "v.pt", saved(content))
        with pytest.raises(InvalidInput, match=r"tensors alone, its pickle asks for '_?io open'"):
            read_vectors(path)
        path = written(tmp_path / "bare.pt", pickle.dumps(Hostile(trace)))
        with pytest.raises(
            InvalidInput, match=r"not a zip file; files of torch before 1.6 must be"
        ):
            read_vectors(path)
    assert not trace.exists()
    torch.load(tmp_path / "v.pt", weights_only=False)  # the trap itself works
    assert trace.exists()


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ({"a": torch.ones(3).to_sparse()}, "_rebuild_sparse_tensor"),
        ({"a": torch.ones(3, dtype=torch.complex64)}, "ComplexFloatStorage"),
        ({"a": bytearray(9)}, "bytearray"),
        ({"a": np.ones(3)}, "numpy"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear Linear"),
        ({"a": torch.ones(3, device="meta")}, "_rebuild_meta_tensor"),
    ],
)
def test_more_than_plain_tensors_is_refused(tmp_path, content, asked):
    with pytest.raises(InvalidInput, match=f"its pickle asks for .*{asked}.*it was not run"):
        read(written(tmp_path / "v.pt", saved(content)))


def test_other_protocols_of_pickle_are_refused(tmp_path):
    """Protocol 4 builds the names it asks for at run time, so they cannot be looked at first."""
    path = written(tmp_path / "v.pt", saved({"layer.1": torch.ones(3)}, pickle_protocol=4))
    with pytest.raises(InvalidInput, match="its pickle asks for 'STACK_GLOBAL'"):
        read(path)


def repacked(content: bytes, edit: dict[str, tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """The same zip with bytes of its parts replaced, each once, and sound check sums."""
    source, stream = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name in source.namelist():
            part = source.read(name)
            for suffix, (old, new) in edit.items():
                if name.endswith(suffix):
                    assert part.count(old) == 1
                    part = part.replace(old, new)
            archive.writestr(name, part)
    return stream.getvalue()


NUMEL, SIZE = b"K\x08tq\x07Q", b"K\x08\x85"
HUGE = b"J" + (2**30).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("edit", "compression"),
    [
        ({"data.pkl": (NUMEL + b"K\x00" + SIZE, HUGE + NUMEL[2:] + b"K\x00" + HUGE + b"\x85")}, 0),
        ({"data.pkl": (SIZE, HUGE + b"\x85")}, 0),
        ({"data.pkl": (b"K\x00" + SIZE, HUGE + SIZE)}, 0),
        ({"data.pkl": (SIZE + b"q\x08K\x01", HUGE + b"\x85q\x08K\x00")}, 0),
        ({}, zipfile.ZIP_DEFLATED),
    ],
    ids=["storage and shape", "shape", "offset", "stride of zero", "compressed"],
)
def test_a_part_that_lies_about_its_length_is_one_sentence(tmp_path, edit, compression):
    content = repacked(saved({"layer.1": torch.arange(8.0)}), edit, compression)
    with pytest.raises(InvalidInput, match="must be a whole torch file"):
        read(written(tmp_path / "v.pt", content))


def test_the_lies_are_told_by_the_edits_alone(tmp_path):
    content = repacked(saved({"layer.1": torch.arange(8.0)}), {})
    found = read(written(tmp_path / "v.pt", content)).arrays
    assert found["layer.1"].tolist() == list(range(8))


def test_a_small_file_cannot_claim_a_large_tensor(tmp_path):
    path = written(tmp_path / "v.pt", saved(torch.ones(1).expand(10**12)))
    with pytest.raises(InvalidInput, match="its tensor is larger than the file"):
        read(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v/data.pkl", bytes(10**8))
    with pytest.raises(InvalidInput, match="compressed or longer than the file"):
        read(written(tmp_path / "v.pt", stream.getvalue()))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([torch.ones(3)], "a tensor or a dict of tensors, got list"),
        ({"a": 3, "b": "x"}, "must hold a tensor, got none"),
        ({(1, 2): torch.ones(3)}, "must hold a tensor, got none"),
    ],
)
def test_other_content_says_what_is_expected(tmp_path, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(written(tmp_path / "v.pt", saved(content)))


def test_a_zip_that_is_no_torch_file_is_one_sentence(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InvalidInput, match=r"must have one data.pkl of at most 4 MiB"):
        read(written(tmp_path / "v.pt", stream.getvalue()))
    with pytest.raises(InvalidInput, match=r"files of torch before 1.6 must be saved again"):
        old = saved({"a": torch.ones(3)}, _use_new_zipfile_serialization=False)
        read(written(tmp_path / "v.pt", old))

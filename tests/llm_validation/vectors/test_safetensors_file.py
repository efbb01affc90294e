"""Files of others by key, every dtype, the record in the header, and headers that lie."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from identifiability.errors import InvalidInput
from llm_validation.vectors import read_vector, write_vectors
from llm_validation.vectors.safetensors_file import read
from tests.llm_validation.vectors.examples import example, written

VALUES = torch.tensor([1.5, -2.0, 0.09375, 300.0], dtype=torch.float64)  # exact in bfloat16


def test_the_safetensors_library_reads_what_is_written(tmp_path):
    vectors = example((0, 12))
    write_vectors(tmp_path / "v.safetensors", vectors)
    with safe_open(tmp_path / "v.safetensors", framework="np") as file:
        assert sorted(file.keys()) == ["layer.0", "layer.12"]
        record = file.metadata()
        for vector in vectors:
            assert (file.get_tensor(f"layer.{vector.layer}") == vector.vector).all()
    assert record["layer_convention"] == "after block i, counted from 0"
    assert record["model"] == "tiny-llama"
    assert record["weights_sha256"] == "ab" * 32
    assert (record["positions"], record["method"]) == ("last prompt token", "pca")
    assert (record["trait"], record["dtype"]) == ("formality", "float32")
    assert float(record["norm.12"]) == vectors[1].norm
    assert float(record["state_norm.12"]) == 22.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_float_is_read_by_its_key(tmp_path, dtype):
    path = tmp_path / "probe.safetensors"
    # Another's file: an array of a kind that cannot be a vector does not get in the way.
    save_file({"probe": VALUES.to(dtype), "mask": torch.ones(4, dtype=torch.bool)}, path)
    assert read_vector(path, layer=3, key="probe").vector.tolist() == VALUES.tolist()


def test_a_file_of_nothing_that_can_be_a_vector_says_what_can(tmp_path):
    save_file({"mask": torch.ones(4, dtype=torch.bool)}, tmp_path / "v.safetensors")
    with pytest.raises(
        InvalidInput, match=r"a tensor in one of F64, .* got none; save the vectors"
    ):
        read(tmp_path / "v.safetensors")


def headed(header: object, data: bytes = b"") -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + data


def tensor(start: int, end: int, shape: list[int]) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"\x07",
        struct.pack("<Q", 2**60) + b"{}",
        headed({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)),
        headed({"a": tensor(0, 8, [2]), "b": tensor(16, 24, [2])}, bytes(24)),
        headed({"a": tensor(0, 2**40, [2**38])}, bytes(8)),
        headed({"a": tensor(0, 8, [2**61, 8])}, bytes(8)),
        headed({"a": tensor(0, 8, [3])}, bytes(8)),
        headed({"a": tensor(8, 0, [2])}, bytes(8)),
        headed({"a": tensor(0, 8, [2])}, bytes(4)),
        headed({"a": tensor(0, 8, [2])}, bytes(16)),
        headed(b"[" * 10000),
        headed(b'{"a":' * 10000),
        headed(b"\xff" * 16),
        headed({"__metadata__": {"format": 3}}),
    ],
)
def test_a_header_that_lies_is_one_sentence(tmp_path, content):
    with pytest.raises(InvalidInput, match=r"must be a whole safetensors file \(.+\); write or"):
        read(written(tmp_path / "v.safetensors", content))


def test_the_header_stays_aligned_for_those_who_map_the_file(tmp_path):
    for width in (2, 3):
        write_vectors(tmp_path / "v.safetensors", example((5,), width))
        content = (tmp_path / "v.safetensors").read_bytes()
        assert int.from_bytes(content[:8], "little") % 8 == 0
        assert (
            np.frombuffer(content[-8 * width :]).tolist() == example((5,), width)[0].vector.tolist()
        )

"""Control vectors against the gguf package, llama.cpp's layer meaning, and files that lie."""

from __future__ import annotations

import struct

import gguf
import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.hooks import steer
from llm_validation.vectors import read_vector, read_vectors, write_vectors
from llm_validation.vectors.gguf_file import encoded, read
from tests.llm_validation.tiny_language_model import tiny_language_model
from tests.llm_validation.vectors.examples import example, written


def as_repeng_writes(path, directions, hint="mistral", architecture="controlvector"):
    """The calls of repeng's ``export_gguf``, in their order."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("controlvector.model_hint", hint)
    writer.add_uint32("controlvector.layer_count", len(directions))
    for layer, direction in directions.items():
        writer.add_tensor(f"direction.{layer}", direction)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_gguf_reader_accepts_what_is_written(tmp_path):
    vectors = example((1, 3, 29), width=6)  # 24 bytes a tensor: padded to the alignment
    write_vectors(tmp_path / "v.gguf", vectors)
    reader = gguf.GGUFReader(tmp_path / "v.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.model_hint"] == "llama"
    assert fields["controlvector.layer_count"] == 3
    assert fields["identifiability.trait"] == "formality"
    assert [tensor.name for tensor in reader.tensors] == [
        "direction.1",
        "direction.3",
        "direction.29",
    ]
    for tensor, vector in zip(reader.tensors, vectors, strict=True):
        # What llama.cpp asks of a direction: float32, one axis, all of one width.
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        assert tensor.shape.tolist() == [6]
        assert (tensor.data == vector.vector.astype(np.float32)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_a_file_of_repeng_is_read(tmp_path, dtype):
    rng = np.random.default_rng(0)
    directions = {layer: rng.standard_normal(5).astype(dtype) for layer in (30, 2, 11)}
    found = read_vectors(as_repeng_writes(tmp_path / "v.gguf", directions))
    assert [vector.layer for vector in found] == [2, 11, 30]
    assert all((v.vector == directions[v.layer].astype(float)).all() for v in found)
    assert {(v.architecture, v.model, v.method) for v in found} == {("mistral", None, None)}


def test_direction_n_is_added_to_the_output_of_block_n_counted_from_0(tmp_path):
    """As llama.cpp does in ``build_cvec(cur, il)``, against a hook of this test's own."""
    model = tiny_language_model()
    direction = np.random.default_rng(0).standard_normal(32).astype(np.float32)
    vector = read_vector(as_repeng_writes(tmp_path / "v.gguf", {2: direction}), layer=2)
    ids = torch.tensor([[4, 8, 15, 16]])
    with steer(model, vector.vector, vector.layer, 1.0):
        ours = model.model(input_ids=ids).logits
    block = model.model.model.layers[2]
    handle = block.register_forward_hook(lambda _m, _i, out: out + torch.tensor(direction))
    theirs = model.model(input_ids=ids).logits
    handle.remove()
    plain = model.model(input_ids=ids).logits
    # RMSNorm computes in float32 in the one pass and in float64 in the other.
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    assert (ours - plain).abs().max() > 1e-2 * plain.abs().max(), "the vector steers nothing"


def test_bfloat16_and_a_trailing_axis_of_one_are_read(tmp_path):
    values = np.array([1.5, -2.0, 0.09375, 300.0], np.float32)  # exact in bfloat16
    upper = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    path = written(tmp_path / "v.gguf", whole([("direction.7", [4, 1], 30, 0)], upper))
    (found,) = read_vectors(path)
    assert (found.layer, found.vector.tolist()) == (7, values.tolist())


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("controlvector")
HEAD = b"GGUF" + struct.pack("<I", 3)


def whole(tensors, data=bytes(64), values=(ARCHITECTURE,)) -> bytes:
    """A file with these tensor infos (name, shape, type, offset), values and data."""
    head = HEAD + struct.pack("<QQ", len(tensors), len(values)) + b"".join(values)
    for name, shape, kind, offset in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return head + bytes(-len(head) % 32) + data


def aligned(alignment: int, kind: int = 4) -> bytes:
    return text("general.alignment") + struct.pack("<II", kind, alignment)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"GGU", "states 4 bytes at 0, past its end"),
        (b"GGML" + bytes(60), "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(60), "GGUF of version 2 or 3, got 1"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(60), "GGUF of version 2 or 3, got 50331648"),
        (HEAD + struct.pack("<QQ", 2**60, 2**60), "states 8 bytes at 24, past its end"),
        (HEAD + struct.pack("<QQQ", 0, 1, 2**63), "states 9223372036854775808 bytes at 32"),
        (
            HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 4, 2**61),
            "states 9223372036854775808 bytes",
        ),
        (
            HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 2**61),
            "past its end",
        ),
        (
            HEAD + struct.pack("<QQ", 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 2**61),
            "a value of the unknown type 9",
        ),
        (whole([], values=(text("k") + struct.pack("<I", 77),)), "of the unknown type 77"),
        (whole([], values=(ARCHITECTURE, ARCHITECTURE)), "'general.architecture' is there twice"),
        (whole([], values=()), "architecture 'controlvector', got 'None'"),
        (whole([]), "must hold a tensor direction.<n>, got none"),
        (whole([("direction.1", [2**62], 0, 0)]), "past its end or in another"),
        (whole([("direction.1", [2**32, 2**32], 0, 0)]), "past its end or in another"),
        (whole([("direction.1", [4], 0, 2**63)]), "past its end or in another"),
        (whole([("direction.1", [4], 0, 0), ("direction.2", [4], 0, 8)]), "'direction.2' is said"),
        (whole([("direction.1", [4], 0, 0), ("direction.1", [4], 0, 16)]), "is there twice"),
        (whole([("direction.1", [1] * 5, 0, 0)]), "has 5 axes"),
        (whole([("direction.1", [32], 2, 0)]), "must be float32, .* got the ggml type 2"),
        (whole([("direction.1", [4], 0, 0)], values=(ARCHITECTURE, aligned(0))), "alignment 0"),
        (whole([("direction.1", [4], 0, 0)], values=(ARCHITECTURE, aligned(24))), "alignment 24"),
        (whole([("direction.1", [4], 0, 0)], values=(ARCHITECTURE, aligned(0, 6))), "alignment N"),
        (HEAD + struct.pack("<QQQ", 0, 1, 2) + b"\xff\xfe" + bytes(40), "codec can't decode"),
    ],
)
def test_a_file_that_lies_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(written(tmp_path / "v.gguf", content))


def test_a_model_is_told_from_a_control_vector(tmp_path):
    path = as_repeng_writes(tmp_path / "m.gguf", {1: np.ones(4, np.float32)}, architecture="llama")
    with pytest.raises(InvalidInput, match="'controlvector', got 'llama'; give the vectors"):
        read_vectors(path)


def test_layer_0_has_no_place_in_the_format():
    with pytest.raises(InvalidInput, match=r"got layer 0; leave it out or choose .safetensors"):
        encoded({0: np.ones(3), 1: np.ones(3)}, {})

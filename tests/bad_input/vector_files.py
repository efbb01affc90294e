"""Files of vectors that are damaged, lie or would do harm, by name."""

from __future__ import annotations

import io
import pickle
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.bad_input.text_files import DEEP, LONG_NUMBER, json_bytes
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.zips import zipped

VALUES = np.linspace(-1.0, 1.0, WIDTH)
TRACE = "ran"
"""What a trap leaves behind if it is ever sprung."""


class Trap:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.trace = folder / TRACE

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.trace), "w"))


def vector_files(folder: Path) -> dict[str, bytes]:
    """Files for that folder, in which traps would leave their trace."""
    return {
        "leaving.zip": zipped({"inside": b"", "../outside": b""}),
        "absolute.zip": zipped({"/outside": b""}),
        "link.zip": zipped({"inside": b"../outside"}, stat.S_IFLNK | 0o777),
        "cut.zip": zipped({"inside": b"12345"})[:-9],
        "locked.zip": _locked(zipped({"inside": b"12345"})),
        "empty.npy": b"",
        "text.npy": b"0.1, 0.2, 0.3",
        "pickled.npy": _npy(np.array([Trap(folder)], object), allow_pickle=True),
        "bomb.npz": _bomb("vector.npy"),
        "bomb.npy": _bomb("vector.npy"),
        "long.npy": _npy_header("(1099511627776,)"),
        "negative.npy": _npy_header("(-1,)"),
        "deep.npy": _npy_header("(" * 3_000 + ")" * 3_000),
        "complex.npy": _npy(VALUES + 0j),
        "words.npy": _npy(np.array(["a"] * WIDTH)),
        "nan.npy": _npy(np.where(VALUES[3] == VALUES, np.nan, VALUES)),
        "zero.npy": _npy(0 * VALUES),
        "tiny.npy": _npy(1e-300 * VALUES),
        "great.npy": _npy(1e300 * VALUES),
        "narrow.npy": _npy(VALUES[:7]),
        "rows.npy": _npy(np.stack([VALUES] * 3)),
        "scalar.npy": _npy(np.array(1.0)),
        "trap.pt": torch_file({"layer.1": torch.ones(WIDTH), "more": Trap(folder)}),
        "bare.pt": pickle.dumps(Trap(folder)),
        "bomb.pt": _bomb("v/data.pkl"),
        "stride.pt": torch_file(torch.ones(1).expand(10**12)),
        "sparse.pt": torch_file({"layer.1": torch.ones(WIDTH).to_sparse()}),
        "overlapping.safetensors": safetensors({"layer.1": (0, 128), "layer.2": (64, 192)}, 192),
        "past.safetensors": safetensors({"layer.1": (0, 128)}, 64),
        "gap.safetensors": safetensors({"layer.1": (64, 192)}, 192),
        "long.safetensors": struct.pack("<Q", 2**60) + b"{}",
        "deep.safetensors": struct.pack("<Q", len(DEEP)) + DEEP,
        "none.safetensors": struct.pack("<Q", 2) + b"{}",
        "string.gguf": _gguf(2, 1) + struct.pack("<Q", 2**60),
        "array.gguf": _gguf(0, 1) + _text("k") + struct.pack("<IIQ", 9, 0, 2**62),
        "many.gguf": _gguf(2**62, 2**62),
        "model.gguf": _gguf(0, 1) + _text("general.architecture") + _kind("llama"),
        "overlapping.gguf": _control_vector([4, 4], [0, 8]),
        "past.gguf": _control_vector([2**61], [0]),
        "deep.json": DEEP,
        "nan.json": b'{"vector": [NaN, 1.0]}',
        "words.json": b'{"vector": ["0.1", "0.2"]}',
        "number.json": f'{{"vector": [{LONG_NUMBER}]}}'.encode(),
        "great.json": b'{"vector": [1' + b"0" * 400 + b"]}",
        "ragged.json": b'{"vector": [[1, 2], [3]]}',
        "twice.json": b'{"1": [1, 2], "1": [3, 4]}',
        "none.json": b'{"layer": 1}',
        "half.json": b'{"vector": [0.1, 0.',
        "v.txt": b"0.1",
    }


def _locked(archive: bytes) -> bytes:
    """The same, with its one entry said to be encrypted, where it lies and in the table."""
    broken = bytearray(archive)
    broken[6] |= 1
    broken[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(broken)


def _npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def _npy_header(shape: str) -> bytes:
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(64)


def torch_file(content: Any) -> bytes:
    """As torch saves it."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def _bomb(name: str) -> bytes:
    """20 kB that unpack to 20 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(20_000_000))
    return stream.getvalue()


def safetensors(places: dict[str, tuple[int, int]], size: int) -> bytes:
    """A header that puts float32 tensors there, and so many bytes after it."""
    head = json_bytes(
        {
            name: {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}
            for name, (start, end) in places.items()
        }
    )
    return struct.pack("<Q", len(head)) + head + bytes(size)


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _kind(architecture: str) -> bytes:
    return struct.pack("<I", 8) + _text(architecture)


def _gguf(tensors: int, values: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, values)


def _control_vector(sizes: list[int], offsets: list[int]) -> bytes:
    head = _gguf(len(sizes), 1) + _text("general.architecture") + _kind("controlvector")
    for layer, (size, offset) in enumerate(zip(sizes, offsets, strict=True), start=1):
        head += _text(f"direction.{layer}") + struct.pack("<IQIQ", 1, size, 0, offset)
    return head + bytes(-len(head) % 32) + bytes(64)

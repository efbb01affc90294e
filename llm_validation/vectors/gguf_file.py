"""Control vectors in a GGUF file, as repeng and llama.cpp write and read them.

Tensors ``direction.<n>`` of float32, ``general.architecture = "controlvector"``,
``controlvector.model_hint`` (the architecture of the model, as "llama") and
``controlvector.layer_count`` (how many there are). llama.cpp adds ``direction.n`` to the output of
block n counted from 0 (``common_control_vector_load``, ``llama_adapter_cvec::apply_to`` and
``build_cvec`` in its sources): our "after block n", with no shift. It has no place for n = 0 and
refuses a file that holds it. repeng numbers alike. llama.cpp's own ``cvector-generator`` names what
it *reads* after block n - 1 ``direction.n``; a vector is here the thing that is applied, so it is
read as one for block n like any other.

Reading is done here rather than by ``gguf.GGUFReader``, which believes the lengths that a file
states: an array said to have 2^60 entries keeps it busy for good.
"""

from __future__ import annotations

import math
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.embedded import require_packages
from llm_validation.vectors.contents import Contents, damaged, file_size

_RECORD = "identifiability."  # before the names of our record
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_BFLOAT16 = 30
_TENSOR_DTYPES = {0: "<f4", 1: "<f2", 28: "<f8", _BFLOAT16: "<u2"}


def read(path: Path) -> Contents:
    """The directions of the file, by their names ``direction.<n>``."""
    file_size(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; check the path") from error
    cursor = _Cursor(path, data)
    if cursor.take(4) != b"GGUF":
        raise damaged(path, "GGUF", "it does not begin with GGUF")
    version = cursor.number("<I")
    if version not in (2, 3):
        raise InvalidInput(f"{path} must be GGUF of version 2 or 3, got {version}; write it again")
    n_tensors, n_values = cursor.number("<Q"), cursor.number("<Q")
    values: dict[str, str | int | None] = {}
    for _ in range(n_values):
        name = cursor.text()
        if name in values:
            raise damaged(path, "GGUF", f"{name[:60]!r} is there twice")
        values[name] = cursor.value(cursor.number("<I"))
    if values.get("general.architecture") != "controlvector":
        raise InvalidInput(
            f"{path} must be a GGUF of the architecture 'controlvector', got "
            f"{str(values.get('general.architecture'))[:60]!r}; give the vectors, not a model"
        )
    places = [cursor.tensor() for _ in range(n_tensors)]
    texts = {name: text for name, text in values.items() if isinstance(text, str)}
    record = {k.removeprefix(_RECORD): v for k, v in texts.items() if k.startswith(_RECORD)}
    hint = texts.get("controlvector.model_hint")
    foreign = {} if hint is None else {"architecture": hint}
    alignment = values.get("general.alignment", 32)
    return Contents(_arrays(path, data, cursor.at, alignment, places), record or foreign)


def encoded(vectors: Mapping[int, np.ndarray], record: Mapping[str, str]) -> bytes:
    """The file, as bytes; float32, which is all that llama.cpp reads.

    Raises
    ------
    InvalidInput
        For layer 0, which llama.cpp refuses.
    """
    require_packages("gguf")
    from gguf import GGUFWriter

    if 0 in vectors:
        raise InvalidInput(
            "a GGUF control vector has layers from 1 (llama.cpp has no direction for the output "
            "of block 0), got layer 0; leave it out or choose .safetensors"
        )
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "vectors.gguf")
        writer = GGUFWriter(part, "controlvector")
        # repeng refuses a file without a hint.
        writer.add_string("controlvector.model_hint", record.get("architecture", "unknown"))
        writer.add_uint32("controlvector.layer_count", len(vectors))
        for name, text in record.items():
            writer.add_string(_RECORD + name, text)
        for layer, vector in vectors.items():
            writer.add_tensor(f"direction.{layer}", vector.astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return part.read_bytes()


class _Cursor:
    """Reads forward through the file and never past its end; every step takes some bytes."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise damaged(self._path, "GGUF", f"it states {count} bytes at {self.at}, past its end")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, code: str) -> int:
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def text(self) -> str:
        try:
            return self.take(self.number("<Q")).decode()
        except UnicodeDecodeError as error:
            raise damaged(self._path, "GGUF", error) from error

    def value(self, kind: int) -> str | int | None:
        """A string or an unsigned integer; any other value is stepped over."""
        if kind == _STRING:
            return self.text()
        if kind == _UINT32:
            return self.number("<I")
        if kind == _ARRAY:
            of, count = self.number("<I"), self.number("<Q")
            if of == _STRING:
                for _ in range(count):
                    self.take(self.number("<Q"))
                return None
            self.take(count * self._bytes(of))
            return None
        self.take(self._bytes(kind))
        return None

    def tensor(self) -> tuple[str, list[int], int, int]:
        """Name, shape, dtype and offset."""
        name = self.text()
        dims = self.number("<I")
        if dims > 4:
            raise damaged(self._path, "GGUF", f"{name[:60]!r} has {dims} axes, at most 4 exist")
        shape = [self.number("<Q") for _ in range(dims)]
        return name, shape, self.number("<I"), self.number("<Q")

    def _bytes(self, kind: int) -> int:
        if kind not in _VALUE_BYTES:
            raise damaged(self._path, "GGUF", f"it holds a value of the unknown type {kind}")
        return _VALUE_BYTES[kind]


def _arrays(
    path: Path,
    data: bytes,
    end: int,
    alignment: object,
    places: list[tuple[str, list[int], int, int]],
) -> dict[str, np.ndarray]:
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise damaged(path, "GGUF", f"its alignment {str(alignment)[:60]} is no power of two")
    start = -(-end // alignment) * alignment
    arrays: dict[str, np.ndarray] = {}
    free = start  # up to here the bytes are taken
    for name, shape, kind, offset in sorted(places, key=lambda place: place[3]):
        if name in arrays:
            raise damaged(path, "GGUF", f"{name[:60]!r} is there twice")
        if kind not in _TENSOR_DTYPES:
            raise InvalidInput(
                f"{path}: {name[:60]!r} must be float32, float16, bfloat16 or float64, got the "
                f"ggml type {kind}; write the directions in float32"
            )
        dtype = np.dtype(_TENSOR_DTYPES[kind])
        first, count = start + offset, math.prod(shape)
        last = first + count * dtype.itemsize
        if first < free or last > len(data):
            raise damaged(path, "GGUF", f"{name[:60]!r} is said to lie past its end or in another")
        free = last
        raw = np.frombuffer(data, dtype, count, first)
        if kind == _BFLOAT16:  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        # GGUF writes the fastest axis first; axes of one after it are no axes to ggml.
        axes = shape[: max((i + 1 for i, axis in enumerate(shape) if axis != 1), default=1)]
        arrays[name] = raw.reshape(axes[::-1])
    if not arrays:
        raise InvalidInput(f"{path} must hold a tensor direction.<n>, got none; write it again")
    return arrays

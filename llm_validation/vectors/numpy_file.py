"""One vector in a .npy file: float64, with no room for where it came from."""

from __future__ import annotations

import io
import math
import tokenize
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.vectors.contents import Contents, damaged, file_size

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# The header is a Python literal, of which numpy passes on what the parser says.
_TROUBLE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    OSError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)


def read(path: Path) -> Contents:
    """The array of the file."""
    return Contents({"": array(path, file_size(path))})


def array(path: Path, size: int) -> np.ndarray:
    """The array of a file of so many bytes, with which its shape is compared before it is made.

    ``np.load`` would open a zip or a pickle under this suffix too, and allocate what is stated.

    Raises
    ------
    InvalidInput
        If that is not what the file holds.
    """
    try:
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _HEADERS:
                raise damaged(path, "npy", f"it has version {version}, expected 1.0 or 2.0")
            shape, by_column, dtype = _HEADERS[version](stream)
            if dtype.hasobject or dtype.itemsize == 0:
                raise InvalidInput(
                    f"{path} must hold numbers, got {dtype}: Python objects are never read; "
                    "save a float32 array"
                )
            count, start = math.prod(shape), stream.tell()
            if min(shape, default=0) < 0 or start + count * dtype.itemsize > size:
                raise damaged(path, "npy", f"it is too short for the shape {shape}")
            values = np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)
    except _TROUBLE as error:
        if isinstance(error, InvalidInput):
            raise
        raise damaged(path, "npy", error) from error
    return values.reshape(shape, order="F" if by_column else "C")


def encoded(vectors: Mapping[int, np.ndarray], record: Mapping[str, str]) -> bytes:
    """The file, as bytes; float64, so what is read back is equal."""
    if len(vectors) != 1:
        raise InvalidInput(
            f"a .npy file holds one vector, got {len(vectors)}; choose .safetensors for several"
        )
    (vector,) = vectors.values()
    stream = io.BytesIO()
    np.save(stream, vector, allow_pickle=False)
    return stream.getvalue()

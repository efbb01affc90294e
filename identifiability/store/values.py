"""Results as text that gives back the same bits, with large arrays beside it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput

LARGE = 64 * 1024
"""Bytes from which an array is a file of its own."""

_ARRAY, _FLOAT, _FILE = "__array__", "__float__", "__file__"


@dataclass(frozen=True)
class Encoded:
    """A result ready to be written.

    Attributes
    ----------
    text
        JSON, in which each large array is a name.
    arrays
        The content of each such array, as ``.npy`` holds it, by name.
    """

    text: str
    arrays: Mapping[str, bytes]


def encode(result: Any, label: str) -> Encoded:
    """Turn what a cell function returned into text and files.

    Raises
    ------
    InvalidInput
        A value is NaN: what could not be measured is None, or an InvalidInput with the reason.
    TypeError
        The function returned something that is neither plain nor an array.
    """
    if not isinstance(result, Mapping):
        raise TypeError(f"{label}: a cell returns a dict, got {type(result).__name__}")
    arrays: dict[str, bytes] = {}
    return Encoded(json.dumps(_plain(result, (), label, arrays), allow_nan=False), arrays)


def decode(text: str, load: Callable[[str, str], np.ndarray] | None = None) -> dict[str, Any]:
    """The result again; ``load(name, sha256)`` reads a large array, where there may be any."""

    def revived(item: dict[str, Any]) -> Any:
        if _ARRAY in item:
            dtype, shape, content = item[_ARRAY]
            # bytearray, so that the array is writable like any other.
            raw = bytearray(base64.b64decode(content))
            return np.frombuffer(raw, dtype=dtype).reshape(shape)
        if _FLOAT in item:
            return float(item[_FLOAT])
        if _FILE in item and load is not None:
            return load(*item[_FILE])
        return item

    return json.loads(text, object_hook=revived)


def _plain(value: Any, place: tuple[str, ...], label: str, arrays: dict[str, bytes]) -> Any:
    where = f"{label}: result {'.'.join(place)!r}"
    if isinstance(value, np.ndarray):
        return _plain_array(value, place, where, arrays)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if math.isnan(value):
            raise InvalidInput(f"{where} is NaN; what cannot be measured is None, with a reason")
        return value if math.isfinite(value) else {_FLOAT: str(value)}
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str) or name in (_ARRAY, _FLOAT, _FILE):
                raise TypeError(f"{where} must have names that are text, got {name!r}")
        return {k: _plain(v, (*place, k), label, arrays) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, (*place, str(i)), label, arrays) for i, v in enumerate(value)]
    raise TypeError(f"{where} must be plain or a numpy array, got {type(value).__name__}")


def _plain_array(
    array: np.ndarray, place: tuple[str, ...], where: str, arrays: dict[str, bytes]
) -> dict[str, Any]:
    if array.dtype.kind not in "biufcSU":
        raise TypeError(f"{where} must be an array of numbers or text, got dtype {array.dtype}")
    if array.dtype.kind in "fc" and np.isnan(array).any():
        raise InvalidInput(f"{where} holds NaN; what cannot be measured is None, with a reason")
    array = np.ascontiguousarray(array).reshape(array.shape)
    if array.nbytes <= LARGE:
        content = base64.b64encode(array.tobytes()).decode()
        return {_ARRAY: [array.dtype.str, list(array.shape), content]}
    # Not straight into a file: numpy's own writing there loses the reason when the disk is full.
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    content = stream.getvalue()
    # A result may be named after anything, a file may not.
    name = readable = re.sub(r"[^A-Za-z0-9_]+", "_", "-".join(place))[:80]
    while name in arrays:
        name = f"{readable}-{len(arrays)}"
    arrays[name] = content
    return {_FILE: [name, hashlib.sha256(content).hexdigest()]}


def read_array(content: bytes) -> np.ndarray:
    """The array that a file holds; nothing in it is ever run."""
    return np.load(io.BytesIO(content), allow_pickle=False)

"""Vectors in a .json file: a list of numbers, or an object of lists by layer or name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.json_document import without_repeated_fields
from llm_validation.vectors.contents import Contents, damaged, file_size

# Python objects take up to twenty times their JSON; 32 MiB of digits are 80 layers of width 16384.
_MAX_BYTES = 2**25


def read(path: Path) -> Contents:
    """The lists of numbers in the file.

    ``[…]``, ``{"vector": […], "layer": 15}``, ``{"15": […], "16": […]}``, or as written here
    ``{"metadata": {…}, "vectors": {"15": […]}}``. Other entries are passed over.
    """
    file_size(path, _MAX_BYTES)
    try:
        root = json.loads(
            path.read_bytes().decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            object_pairs_hook=without_repeated_fields,
        )
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, "JSON", error) from error
    if isinstance(root, list):
        return Contents({"": _array(path, "the list", root)})
    if not isinstance(root, dict):
        raise InvalidInput(f"{path} must be a list of numbers or an object of them; mend it")
    named = root | root["vectors"] if isinstance(root.get("vectors"), dict) else root
    arrays = {
        name: _array(path, repr(name[:60]), value)
        for name, value in named.items()
        if isinstance(value, list)
    }
    if not arrays:
        raise InvalidInput(
            f'{path} must hold a list of numbers, for example {{"vector": [0.1, 0.2]}}, '
            "got none; add it"
        )
    record = root.get("metadata")
    texts = record if isinstance(record, dict) else {}
    layer = root.get("layer")
    return Contents(
        arrays,
        {name: text for name, text in texts.items() if isinstance(text, str)},
        layer if isinstance(layer, int) and not isinstance(layer, bool) else None,
    )


def encoded(vectors: Mapping[int, np.ndarray], record: Mapping[str, str]) -> bytes:
    """The file, as bytes; every float64 is written with the digits that give it back."""
    lists = {str(layer): vector.tolist() for layer, vector in vectors.items()}
    text = json.dumps({"metadata": dict(record), "vectors": lists}, allow_nan=False)
    return text.encode() + b"\n"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which is not a number")


def _array(path: Path, name: str, value: list[Any]) -> np.ndarray:
    rows = value if value and all(isinstance(row, list) for row in value) else [value]
    # bool is an int to Python, and a string of digits a number to numpy: neither is meant here.
    if len({len(row) for row in rows}) > 1 or any(
        type(number) not in (int, float) for row in rows for number in row
    ):
        raise InvalidInput(
            f"{path}: {name} must be a list of numbers, or lists of equal length; mend it there"
        )
    try:
        array = np.array(rows, dtype=np.float64)
    except OverflowError as error:
        raise InvalidInput(
            f"{path}: {name} must hold numbers below 1e308, got a larger integer; scale it"
        ) from error
    return array if rows is value else array[0]

"""Vectors in a .safetensors file: ``layer.<i>`` in float64, and their record as its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.embedded import require_packages
from llm_validation.vectors.contents import Contents, damaged, file_size

_ARRAY_DTYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8")


def read(path: Path) -> Contents:
    """Every tensor of the file that can be a vector.

    The header is checked by the safetensors library: lengths inside the file, offsets that tile
    it without overlap, shapes that fit their bytes. A tensor of some other dtype is refused only
    where it is asked for, so one vector can be read from among things of other kinds.
    """
    require_packages("safetensors", "torch")
    from safetensors import SafetensorError, safe_open

    file_size(path)
    try:
        # numpy has no bfloat16, torch has.
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            arrays = {}
            for name in file.keys():  # noqa: SIM118 - not a mapping
                dtype = file.get_slice(name).get_dtype()
                if dtype == "BF16":
                    arrays[name] = file.get_tensor(name).float().numpy()
                elif dtype in _ARRAY_DTYPES:
                    arrays[name] = file.get_tensor(name).numpy()
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, "safetensors", error) from error
    if not arrays:
        raise InvalidInput(
            f"{path} must hold a tensor in one of {', '.join(_ARRAY_DTYPES)} or BF16, got none; "
            "save the vectors in float32"
        )
    return Contents(arrays, metadata)


def encoded(vectors: Mapping[int, np.ndarray], record: Mapping[str, str]) -> bytes:
    """The file, as bytes; float64, so what is read back is equal."""
    require_packages("safetensors")
    from safetensors.numpy import save

    content = save({f"layer.{layer}": vector for layer, vector in vectors.items()}, dict(record))
    # The library writes the metadata in another order each time; equal vectors give equal files.
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]

"""Which module reads and writes which kind of file, told by the suffix."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from identifiability.errors import InvalidInput
from llm_validation.vectors import (
    gguf_file,
    json_file,
    numpy_file,
    safetensors_file,
    torch_file,
)

FORMATS: dict[str, ModuleType] = {
    ".safetensors": safetensors_file,
    ".gguf": gguf_file,
    ".npy": numpy_file,
    ".pt": torch_file,
    ".pth": torch_file,
    ".json": json_file,
}


def format_of(path: Path) -> ModuleType:
    """The module for a path.

    Raises
    ------
    InvalidInput
        If its suffix is none of ``FORMATS``.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InvalidInput(
            f"a file of vectors must end in {', '.join(FORMATS)}, got {path.name!r}; "
            "save the vectors in one of these formats"
        )
    return FORMATS[suffix]

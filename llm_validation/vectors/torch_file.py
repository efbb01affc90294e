"""Vectors in a .pt file: a tensor or a dict of tensors, and nothing that could run code.

A .pt file is a zip with a pickle in it, and a pickle can call anything. Three walls: the zip may
hold only uncompressed parts, no longer than the file; the pickle may name only what a plain tensor
is made of, read with ``pickletools``, which runs nothing; and torch loads it with
``weights_only=True``, mapped, so that a tensor said to be longer than the file is an error in every
version of torch, and never memory that belongs to something else.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.vectors.contents import Contents, damaged, file_size

_STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte")
_NAMES = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {kind}Storage" for kind in _STORAGES),
}
# A pickle of a thousand tensors is 200 kB; looking through one takes a second a megabyte.
_MAX_PICKLE = 2**22
_TROUBLE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What torch and zipfile raise on files that are not theirs; anything else is a bug of ours."""


def read(path: Path) -> Contents:
    """The tensors of the file, by their keys."""
    import torch

    size = file_size(path)
    _refuse_code(path, size)
    try:
        with warnings.catch_warnings():
            # Of a protocol that is not torch's own, which is read all the same or refused.
            warnings.simplefilter("ignore", UserWarning)
            root = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _TROUBLE as error:
        raise damaged(path, "torch", error) from error
    if isinstance(root, torch.Tensor):
        return Contents({"": _array(path, "its tensor", root, size)})
    if not isinstance(root, dict):
        raise InvalidInput(
            f"{path} must hold a tensor or a dict of tensors, got {type(root).__name__}; "
            "save the tensors alone"
        )
    arrays = {
        str(name): _array(path, repr(str(name)[:60]), value, size)
        for name, value in root.items()
        if isinstance(name, str | int) and isinstance(value, torch.Tensor)
    }
    if not arrays:
        raise InvalidInput(f"{path} must hold a tensor, got none; save the vectors as a dict")
    record, layer = root.get("metadata"), root.get("layer")
    texts = record if isinstance(record, dict) else {}
    return Contents(
        arrays,
        {k: text for k, text in texts.items() if isinstance(k, str) and isinstance(text, str)},
        layer if isinstance(layer, int) and not isinstance(layer, bool) else None,
    )


def encoded(vectors: Mapping[int, np.ndarray], record: Mapping[str, str]) -> bytes:
    """The file, as bytes; float64, so what is read back is equal."""
    import torch

    tensors: dict[str, Any] = {
        f"layer.{layer}": torch.tensor(vector) for layer, vector in vectors.items()
    }
    stream = io.BytesIO()
    torch.save(tensors | {"metadata": dict(record)}, stream)
    return stream.getvalue()


def _refuse_code(path: Path, size: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            packed = any(
                part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size
                for part in parts
            )
            if packed or sum(part.file_size for part in parts) > size:
                raise damaged(path, "torch", "its parts are compressed or longer than the file")
            found = [part for part in parts if part.filename.endswith("/data.pkl")]
            if len(found) != 1 or found[0].file_size > _MAX_PICKLE:
                raise damaged(path, "torch", "it must have one data.pkl of at most 4 MiB")
            program = archive.read(found[0])
        named = [
            str(argument) if code.name == "GLOBAL" else code.name
            for code, argument, _ in pickletools.genops(program)
            if code.name in ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
        ]
    except InvalidInput:
        raise
    except zipfile.BadZipFile as error:
        raise damaged(
            path, "torch", f"{error}; files of torch before 1.6 must be saved again"
        ) from error
    except (*_TROUBLE, NotImplementedError) as error:
        raise damaged(path, "torch", error) from error
    for name in named:
        if name not in _NAMES:
            raise InvalidInput(
                f"{path} must hold tensors alone, its pickle asks for {name[:60]!r}; it was not "
                "run: load it where you trust it and save the tensors in a dict with torch.save"
            )


def _array(path: Path, name: str, tensor: Any, size: int) -> np.ndarray:
    import torch

    tensor = tensor.detach()
    # Strides of zero make a small file claim any shape.
    if tensor.numel() * tensor.element_size() > size:
        raise damaged(path, "torch", f"{name} is larger than the file")
    if tensor.layout != torch.strided or tensor.is_meta:
        raise InvalidInput(
            f"{path}: {name} must be a plain tensor, got {tensor.layout}; densify it"
        )
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

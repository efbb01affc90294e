"""A cell: one measurement that depends on nothing but what it is given, and the key that says so.

The key is the SHA-256 of the function, its settings, the context they are measured in, and the
source of the module that measures and of all that it imports from this project. Two cells of one
key are one cell. Versions of other libraries are not in the key but in the store's provenance.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.source_hash import source_hash

CELL_VERSION = 1
"""Part of every key; raised when the meaning of cells in general changes."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One measurement.

    Parameters
    ----------
    function : str
        ``package.module:name``, imported where it runs and called as
        ``function(context, **settings)``. It returns a dict of JSON-plain values and numpy arrays
        that the settings determine.
    settings : Mapping
        JSON-plain values and numpy arrays: everything that matters. Tuples become lists and numpy
        scalars Python's numbers. A ``seed`` of None is replaced by the cell's own ``seed``.
    context : Mapping
        ``{"factory": "package.module:name", **plain}``: what is built once per process by
        ``factory(**plain)`` and handed over first, for example a model. Empty: None is handed over.
    label : str
        For people; no part of the key.

    Raises
    ------
    InvalidInput
        A setting is not plain, or is a NaN, an infinity or a negative zero.

    Examples
    --------
    >>> a = Cell("math:hypot", {"x": 3.0, "y": 4.0}, {}, "a triangle")
    >>> a == Cell("math:hypot", {"y": 4.0, "x": 3.0}, {}, "the same triangle")
    True
    """

    function: str
    settings: Mapping[str, Any]
    context: Mapping[str, Any]
    label: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _frozen(dict(self.settings), "settings"))
        object.__setattr__(self, "context", _frozen(dict(self.context), "context"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the cached key: a worker computes its own, and so finds out that it has other code
        return Cell, (self.function, self.settings, self.context, self.label)

    @cached_property
    def described(self) -> str:
        """Canonical JSON of all that the key is made of."""
        described = {
            "cell_version": CELL_VERSION,
            "function": self.function,
            "settings": self.settings,
            "context": self.context,
            "versions": self._versions(),
        }
        return canonical(described)

    @cached_property
    def key(self) -> str:
        """SHA-256 in hexadecimal of everything but the label."""
        return hashlib.sha256(self.described.encode()).hexdigest()

    @property
    def seed(self) -> int:
        """A seed of 32 bits that belongs to the cell, derived from its key."""
        return int(self.key[:8], 16)

    def _versions(self) -> dict[str, Any]:
        names = [self.function, self.context["factory"]] if self.context else [self.function]
        modules = {_module_and_name(name)[0] for name in names}
        return {name: _version(name) for name in sorted(modules)}

    def arguments(self) -> dict[str, Any]:
        """The settings as the function gets them: a copy of its own, with the seed filled in."""
        # deepcopy makes the read-only arrays writable again, and keeps a function that writes into
        # its arguments from changing the cell.
        arguments = copy.deepcopy(dict(self.settings))
        if "seed" in arguments and arguments["seed"] is None:
            arguments["seed"] = self.seed
        return arguments


def _version(module: str) -> list[Any]:
    """SHA-256 of the source that a module is made of, and its ``VERSION`` if it has one."""
    return [source_hash(module), getattr(importlib.import_module(module), "VERSION", None)]


def canonical(value: Any) -> str:
    """JSON with sorted keys, in which equal settings are equal texts; arrays by their bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_described_array
    )


def _described_array(array: np.ndarray) -> dict[str, Any]:
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": digest}


def _frozen(value: Any, where: str) -> Any:
    """A copy that nobody else can change, of plain values and read-only arrays only."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return _frozen_array(value, where)
    if isinstance(value, float):
        if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
            raise InvalidInput(
                f"{where} must be finite and no negative zero, got {value}; "
                "name a missing value None and write 0.0 for zero"
            )
        return value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise InvalidInput(f"names in {where} must be text, got {name!r}; use str(name)")
        return {name: _frozen(item, f"{where}[{name!r}]") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_frozen(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise InvalidInput(
        f"{where} must be a JSON-plain value or a numpy array, got {type(value).__name__}; "
        "convert it first (a tensor with .numpy(), a path with str())"
    )


def _frozen_array(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind not in "biufcSU":
        raise InvalidInput(
            f"{where} must be an array of numbers or text, got dtype {array.dtype}; convert it"
        )
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise InvalidInput(f"{where} must be finite, got NaN or infinity; take those entries out")
    # One byte order and one memory layout, so that equal arrays have equal bytes.
    frozen = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", copy=True)
    frozen.flags.writeable = False
    return frozen


def imported(name: str) -> Callable[..., Any]:
    """What ``package.module:name`` stands for."""
    module, attribute = _module_and_name(name)
    return getattr(importlib.import_module(module), attribute)


def _module_and_name(name: str) -> tuple[str, str]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InvalidInput(f"a function is named 'package.module:name', got {name!r}; add the rest")
    return module, attribute

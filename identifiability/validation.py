"""Checks of arrays that come from outside, each with one sentence and the mend."""

from __future__ import annotations

from typing import Any

import numpy as np

from identifiability.errors import InvalidInput


def as_matrix(value: Any, name: str, *, shape: str = "(m, d)") -> np.ndarray:
    """A finite real two-dimensional float64 array, or ``InvalidInput`` saying what came."""
    array = _real(value, name)
    if array.ndim != 2:
        raise InvalidInput(f"{name} must be {shape}, got {array.shape}; stack prompts first")
    if 0 in array.shape:
        raise InvalidInput(f"{name} must be {shape} with at least one entry, got {array.shape}")
    return array


def as_vector(value: Any, name: str, *, width: int | None = None) -> np.ndarray:
    """A finite real float64 array of shape (d,), with d = ``width`` where that is given."""
    array = _real(value, name)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(f"{name} must be (d,), got {array.shape}; flatten it or pick one row")
    if width is not None and array.size != width:
        raise InvalidInput(
            f"{name} must have width {width}, got {array.size}; "
            "take it from the same model and layer as the operator"
        )
    return array


def _real(value: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # numpy's answer to rows of unequal length
        raise InvalidInput(f"{name} must have rows of equal length; pad or split them") from None
    if array.dtype.kind not in "fiub":
        raise InvalidInput(
            f"{name} must hold real numbers, got dtype {array.dtype}; convert it to float64"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InvalidInput(f"{name} must be finite, got {bad} NaN or infinite entries; remove them")
    return array

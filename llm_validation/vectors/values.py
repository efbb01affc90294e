"""The numbers of a steering vector: which arrays can be one."""

from __future__ import annotations

import numpy as np

from identifiability.errors import InvalidInput


def is_stack(values: np.ndarray) -> bool:
    """Whether more than one vector is in it, apart from leading axes of length one."""
    return values.ndim > 1 and values.shape[-2] > 1 and max(values.shape[:-2], default=1) == 1


def is_zero(values: np.ndarray) -> bool:
    """Whether it is a vector, and zero; anything else is judged by ``checked``."""
    if values.dtype.kind not in "fiu" or values.size == 0:
        return False
    return bool(np.isfinite(values).all()) and not values.any()


def checked(where: str, values: np.ndarray, width: int | None, owner: str) -> np.ndarray:
    """(d,) float64, finite and in the range of float32; it may be zero.

    Raises
    ------
    InvalidInput
        Beginning with ``where``; ``owner`` is whose width it has to have.
    """
    if values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise InvalidInput(f"{where} must be real numbers, got {values.dtype}; save it in float32")
    row = values.reshape(-1) if values.size == max(values.shape, default=0) else values
    if row.ndim != 1 or row.size < 2 or (width is not None and row.size != width):
        expected = "(d,)" if width is None else f"({width},)"
        raise InvalidInput(
            f"{where} must be {expected}, the width of the residual stream of {owner}, got "
            f"{values.shape}; take it from the same model"
        )
    if not np.isfinite(row).all():
        raise InvalidInput(f"{where} must be finite, got NaN or infinite entries; extract it again")
    row = row.astype(np.float64)
    if row.any():
        check_range(where, row)
    return row


def check_range(where: str, row: np.ndarray) -> None:
    """Refuse a vector that is zero or infinite in float32, in which most models compute."""
    peak = np.abs(row).max(initial=0.0)
    limits = np.finfo(np.float32)
    if not limits.tiny <= peak <= limits.max:
        raise InvalidInput(
            f"{where} must be finite, not zero and in the range of float32, got entries up to "
            f"{peak:.3g}; scale it or extract it again"
        )

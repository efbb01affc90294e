"""Checks of arrays, numbers and flags from outside, each with one sentence and the mend."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from identifiability.choose import shortened
from identifiability.errors import InvalidInput

_SMALLEST, _LARGEST = 1e-140, 1e140


def as_matrix(value: Any, name: str, *, shape: str = "(m, d)") -> np.ndarray:
    """A finite real two-dimensional float64 array, or ``InvalidInput`` saying what came."""
    array = as_real(value, name)
    if array.ndim != 2:
        prompts = shape in ("(m, d)", "(M, d)")
        mend = "stack prompts first" if prompts else "one item a row, further axes flattened"
        raise InvalidInput(f"{name} must be {shape}, got {array.shape}; {mend}")
    if 0 in array.shape:
        raise InvalidInput(
            f"{name} must be {shape} with at least one entry, got {array.shape}; it is empty, see "
            "what it was made from"
        )
    return array


def as_vector(value: Any, name: str, *, width: int | None = None) -> np.ndarray:
    """A finite real float64 array of shape (d,), with d = ``width`` where that is given."""
    array = as_real(value, name)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(f"{name} must be (d,), got {array.shape}; flatten it or pick one row")
    if width is not None and array.size != width:
        raise InvalidInput(
            f"{name} must have width {width}, got {array.size}; "
            "take it from the same model and layer as the operator"
        )
    return array


def moderate(array: np.ndarray, name: str, *, smallest: float = _SMALLEST) -> np.ndarray:
    """The array, if squares of its entries and sums of many of them neither overflow nor vanish.

    The largest entry may be ``smallest``, or the array zero.
    """
    largest = float(np.max(np.abs(array), initial=0.0))
    if largest and not smallest <= largest <= _LARGEST:
        raise InvalidInput(
            f"{name} must have its largest entry between {smallest:g} and {_LARGEST:g}, got "
            f"{largest:.3g}; choose another unit"
        )
    return array


def as_number(
    value: Any,
    name: str,
    *,
    low: float = _SMALLEST,
    high: float = _LARGEST,
    closed: Literal["both", "left", "right", "neither"] = "both",
    mend: str = "choose another or another unit",
) -> float:
    """A number in an interval; by default positive, of a square that float64 holds.

    Parameters
    ----------
    value, name
        What came, and what it is called in the sentence. True and False are no numbers.
    low, high, closed
        The interval, and which of its ends belong to it.
    mend
        End of the sentence: what is usual, say.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidInput(f"{name} must be a number, got {shortened(value)}; {mend}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond float64, which is in no interval
        number = np.nan
    above = low <= number if closed in ("both", "left") else low < number
    below = number <= high if closed in ("both", "right") else number < high
    if not (above and below):
        raise InvalidInput(
            f"{name} must lie in {_interval(low, high, closed)}, got {shortened(value)}; {mend}"
        )
    return number


def _interval(low: float, high: float, closed: str) -> str:
    left = "[" if closed in ("both", "left") else "("
    return f"{left}{low:g}, {high:g}{']' if closed in ('both', 'right') else ')'}"


def as_error(value: Any, name: str) -> float:
    """A finite bound >= 0 on the norm of an error."""
    mend = "it bounds the norm of an error, 0 if none"
    return as_number(value, name, low=0, high=np.inf, closed="left", mend=mend)


def as_flag(value: Any, name: str) -> bool:
    """True or False, of Python or numpy: no text or number that happens to be true."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"{name} must be True or False, got {shortened(value)}; pass one")
    return bool(value)


def as_count(value: Any, name: str, *, at_least: int) -> int:
    """An integer that is large enough."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise InvalidInput(
            f"{name} must be an integer of at least {at_least}, got {shortened(value)}; "
            "choose another"
        )
    return int(value)


def as_real(value: Any, name: str) -> np.ndarray:
    """A finite real float64 array of any shape."""
    if isinstance(value, np.ma.MaskedArray):
        raise InvalidInput(f"{name} must have no mask; drop the masked rows, or fill them")
    if hasattr(value, "toarray"):
        raise InvalidInput(f"{name} must be dense, got a sparse matrix; pass its toarray()")
    try:
        array = np.asarray(value)
    except ValueError:  # numpy's answer to rows of unequal length
        raise InvalidInput(f"{name} must have rows of equal length; pad or split them") from None
    except (RuntimeError, TypeError):  # torch's, to a tensor with a graph, on a GPU or in bfloat16
        raise InvalidInput(
            f"{name} must be readable by numpy, got {type(value).__name__}; for a tensor pass "
            ".detach().double().cpu()"
        ) from None
    if array.dtype.kind == "c":
        raise InvalidInput(
            f"{name} must hold real numbers, got dtype {array.dtype}; pass real and imaginary "
            "parts as rows of their own"
        )
    if array.dtype.kind not in "fiub":
        raise InvalidInput(
            f"{name} must hold real numbers, got dtype {array.dtype}; pass an array of numbers"
        )
    with np.errstate(over="ignore"):  # a wider float beyond float64 becomes infinite, and is told
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InvalidInput(f"{name} must be finite, got {bad} NaN or infinite entries; remove them")
    return array

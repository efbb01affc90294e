"""Numbers as nobody means them, and what an answer must not hold."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

_PLAIN = st.one_of(st.integers(-2, 2).map(float), st.floats(-3, 3))
_ODD = st.sampled_from(
    [5e-324, 1e-300, -1e-300, 1e-160, 1e-17, 1e17, 1e160, 1e300, -1e300, 1.7e308]
)
_BROKEN = st.sampled_from([math.nan, math.inf, -math.inf])
_SCALES = st.sampled_from([1.0, 1.0, 1.0, 1e-8, 1e8, 1e-130, 1e130, 1e-200, 1e200, 1e-300, 1e300])
SIZES = st.integers(1, 5)


@st.composite
def arrays(draw: st.DrawFn, *shape: int) -> np.ndarray:
    """Of a shape: plain numbers, some with odd ones or broken ones among them, in any unit."""
    elements = draw(st.sampled_from([_PLAIN, _PLAIN, _PLAIN, st.one_of(_PLAIN, _ODD)]))
    if draw(st.integers(0, 9)) == 0:
        elements = st.one_of(elements, _BROKEN)
    found = draw(st_numpy.arrays(np.float64, shape, elements=elements))
    with np.errstate(over="ignore", under="ignore"):
        return found * draw(_SCALES)


@st.composite
def matrices(draw: st.DrawFn, rows: Any = SIZES, columns: Any = SIZES) -> np.ndarray:
    """Two axes of a few entries; rows and columns may repeat, or be zero."""
    shape = draw(rows), draw(columns)
    found = draw(arrays(*shape))
    kind = draw(st.integers(0, 5))
    if kind == 0 and shape[0] > 1:
        found[-1] = found[0]
    elif kind == 1 and shape[1] > 1:
        found[:, -1] = found[:, 0]
    elif kind == 2:
        found[:, 0] = 0.0
    return found


def holds_nan(value: Any) -> bool:
    """Whether a NaN is anywhere in an answer: in arrays, records, lists or what ``fit`` left."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc" and bool(np.isnan(value).any())
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, dict):
        return any(map(holds_nan, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_nan, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(holds_nan(getattr(value, field.name)) for field in dataclasses.fields(value))
    if hasattr(value, "get_params"):
        return holds_nan({k: v for k, v in vars(value).items() if k.endswith("_")})
    return False

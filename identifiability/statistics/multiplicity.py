"""Holm's correction of a family of p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.errors import InvalidInput


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values that control the family-wise error under any dependence (Holm 1979).

    An adjusted value at most alpha rejects its null hypothesis; the probability that any true one
    of the family is rejected is then at most alpha. Uniformly more powerful than Bonferroni's.

    Parameters
    ----------
    p_values
        (m,) one for each hypothesis of the family, which is declared before any is looked at. A
        hypothesis that could not be tested still belongs to it: give it p = 1.

    Returns
    -------
    ndarray
        (m,) in the order given, never above 1.

    Raises
    ------
    InvalidInput
        If the family is empty or not one-dimensional, or a value is outside [0, 1].

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6(2), 65--70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    try:
        given = np.asarray(p_values)
    except ValueError:  # numpy's answer to rows of unequal length
        raise InvalidInput("p-values must be (m,), got unequal rows; flatten them") from None
    if given.dtype.kind not in "fiub":
        raise InvalidInput(
            f"p-values must be numbers, got dtype {given.dtype}; give a hypothesis that was not "
            "tested p = 1"
        )
    if given.ndim != 1 or not given.size:
        raise InvalidInput(
            f"p-values must be (m,) with m at least 1, got {given.shape}; pass one for each "
            "hypothesis"
        )
    if not ((given >= 0) & (given <= 1)).all():
        raise InvalidInput(
            "p-values must be in [0, 1]; give a hypothesis that was not tested p = 1"
        )
    order = np.argsort(given, kind="stable")
    stepped = given[order] * np.arange(given.size, 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted

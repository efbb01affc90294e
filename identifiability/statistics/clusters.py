"""Measurements by cluster: one row a prompt, repeated samples of it averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_real, moderate


def cluster_means(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """(n,) means from one value a cluster, (n,), or several samples of each, (n, samples).

    Raises
    ------
    InvalidInput
        If the shape is another, there are fewer than two clusters, a value is not finite, or
        the largest is beyond what squares can hold.
    """
    array = as_real(values, name)
    if array.ndim not in (1, 2) or len(array) < 2 or array.size == 0:
        raise InvalidInput(
            f"{name} must be (n,) or (n, samples) with at least two clusters, got {array.shape}; "
            "put prompts along the first axis"
        )
    moderate(array, name)
    return array if array.ndim == 1 else array.mean(axis=1)


def paired_means(**arms: Sequence[float] | np.ndarray) -> list[np.ndarray]:
    """Cluster means of arms measured on the same clusters, in the same order.

    Raises
    ------
    InvalidInput
        As for ``cluster_means``, or if the arms differ in their number of clusters.
    """
    means = [cluster_means(name, values) for name, values in arms.items()]
    sizes = {name: len(mean) for name, mean in zip(arms, means, strict=True)}
    if len(set(sizes.values())) > 1:
        raise InvalidInput(
            f"arms must be measured on the same clusters, got {sizes}; "
            "keep the prompts that every arm has"
        )
    return means

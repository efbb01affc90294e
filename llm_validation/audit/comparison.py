"""How alike two vectors are to behaviour, beside how alike they are to the eye (N5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.statistics import cluster_bootstrap


@dataclass(frozen=True)
class Comparison:
    """With another vector w.

    Attributes
    ----------
    name
        Of w.
    euclidean
        cos(v, w); not invariant under a change of basis of the states.
    behavioural, interval
        v^T G w / sqrt(v^T G v w^T G w), invariant, with its interval over prompts; None where one
        of the two is not seen at all.
    """

    name: str
    euclidean: float
    behavioural: float | None
    interval: tuple[float, float] | None


def compared(
    name: str,
    vector: np.ndarray,
    other: np.ndarray,
    metrics: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> Comparison:
    """Compare (d,) with (d,) under the mean of the (d, d) metrics."""
    pair = np.stack([vector, other])
    forms = np.array([pair @ metric @ pair.T for metric in metrics])  # (n, 2, 2)
    euclidean = float(vector @ other / (np.linalg.norm(vector) * np.linalg.norm(other)))
    if min(forms.mean(axis=0)[0, 0], forms.mean(axis=0)[1, 1]) <= 0:
        return Comparison(name, euclidean, None, None)
    found = cluster_bootstrap(_cosine, [forms], rng=rng)
    ends = float(np.clip(found.low, -1, 1)), float(np.clip(found.high, -1, 1))
    return Comparison(name, euclidean, found.estimate, ends)


def _cosine(forms: np.ndarray) -> np.ndarray:
    """(R,) from (R, n, 2, 2)."""
    mean = forms.mean(axis=1)
    return mean[:, 0, 1] / np.sqrt(mean[:, 0, 0] * mean[:, 1, 1])

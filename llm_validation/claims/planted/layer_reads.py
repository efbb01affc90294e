"""A planted vector from reads of later layers (R4), by the package's own estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.recovery import CrossLayerRecovery
from llm_validation.claims.judgement import COSINE_MARGIN
from llm_validation.claims.planted.foreseen import counted

JACOBIAN_ERROR = 1e-5
"""Of the largest singular value: set as ten times what float32 leaves in a row. Of the stack it
leaves 2e-6 to 3e-6, against float64 on three prompts."""

CURVATURE = 0.01
"""Of a response: the error that is stated of it, one part in a hundred as the strength allows."""

CHAINED = 0
"""In place of a number of layers: the last one, directly and through the middle one."""


@dataclass(frozen=True)
class Fitted:
    """What the estimator makes of some layers' reads on one prompt."""

    dimension: float
    added: float  # rows of the last layer given beyond the span of those before
    decided: bool
    said: str
    cosines: np.ndarray  # (k,) to each planted vector


def fit(
    reads: Sequence[np.ndarray], vectors: np.ndarray, responses: np.ndarray | None = None
) -> Fitted:
    """The reads of some layers (m, d); responses (k, M), or exact ones, to the vectors (k, d)."""
    stack = np.vstack(reads)
    exact = responses is None
    values = vectors @ stack.T if responses is None else responses
    recovery = CrossLayerRecovery(
        # Errors of the rows may move so much of what is recovered, or a dimension is undecided.
        accuracy=COSINE_MARGIN,
        jacobian_error=JACOBIAN_ERROR * float(np.linalg.norm(stack, 2)),
        response_error=0.0 if exact else CURVATURE * float(np.linalg.norm(values[0])),
    )
    ends = np.cumsum([len(read) for read in reads])[:-1]
    recovery.fit(None, list(reads), np.split(values[0], ends))
    estimates = recovery.recover(values)
    sizes = np.linalg.norm(estimates, axis=1) * np.linalg.norm(vectors, axis=1)
    path = [vectors.shape[1], *recovery.dimension_path_]
    return Fitted(
        dimension=float(path[-1]),
        added=float(path[-2] - path[-1]),
        decided=recovery.report_.condition("gap").holds is True,
        said=recovery.prediction_.failure_mode or "all of v",
        cosines=np.sum(estimates * vectors, axis=1) / sizes,
    )


def in_words(found: Sequence[Fitted]) -> str:
    """Its predictions, with the number of prompts."""
    return counted([one.said for one in found])


def pulled_back(found: Mapping[str, Any], count: int) -> list[np.ndarray]:
    """Rows of the first layers read, or of the last one directly and through the middle one."""
    if count == CHAINED:
        return [found["rows"][-1], found["chained"]]
    return list(found["rows"][:count])


def responses(found: Mapping[str, Any], count: int) -> np.ndarray | None:
    """(k, M) of the first layers read; those of the chain are not measured apart."""
    if count == CHAINED:
        return None
    return found["responses"][:, :count].reshape(len(found["responses"]), -1)

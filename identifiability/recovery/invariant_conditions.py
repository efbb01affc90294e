"""What recovery by invariance checks before it reports a component, and what follows from it."""

from __future__ import annotations

import numpy as np

from identifiability.spectrum import Spectrum
from identifiability.verdict import Condition, Prediction


def differences(vectors: np.ndarray, vector_error: float) -> Spectrum:
    """Spectrum of the vectors less their mean, which spans what v_e - v_1 span.

    Errors of norm delta in each of E rows have a spectral norm of at most sqrt(E) delta; taking
    the mean off does not enlarge it. Rounding of the vectors is relative to themselves.
    """
    size = float(np.linalg.norm(vectors, 2))
    rounding = max(vectors.shape) * np.finfo(np.float64).eps * size
    error = np.sqrt(len(vectors)) * vector_error + rounding
    return Spectrum.of(vectors - vectors.mean(axis=0), error=error, metric=False)


def gap(spectrum: Spectrum, sine: float, *, exact: bool) -> Condition:
    """How far errors of the vectors may turn the span of their differences."""
    slack = spectrum.gap - spectrum.resolution
    bound = spectrum.resolution / slack if slack > 0 else np.inf
    if spectrum.rank() == 0:
        # No direction to get wrong where vectors agree exactly; within errors, one may be hidden.
        bound = 0.0 if exact else np.inf
    return Condition(
        "gap",
        "differences between environments stand above the errors of the vectors",
        holds=True if bound <= sine else None,
        statistic=float(min(bound, 1.0)),
        threshold=sine,
        reason=(
            "an error E turns the span of the differences by a sine of at most "
            "||E||/(gap - ||E||) (Wedin 1972, doi:10.1007/BF01932678; theory.md R5)"
        ),
    )


def something_invariant(rank: int, width: int) -> Condition:
    """Whether anything is left beside the differences."""
    return Condition(
        "something invariant",
        "the differences leave some direction alone",
        holds=rank < width,
        statistic=float(rank),
        threshold=float(width),
        reason="with d independent differences nothing is the same everywhere",
    )


def classes(vectors: np.ndarray, vector_error: float) -> np.ndarray:
    """(E,) labels: vectors that errors and rounding alone may keep apart are one piece of evidence.

    Two errors lie between two vectors; what is linked through others counts as one too.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial.distance import cdist

    size = float(np.linalg.norm(vectors, 2))
    floor = 2 * vector_error + max(vectors.shape) * np.finfo(np.float64).eps * size
    return connected_components(cdist(vectors, vectors) <= floor, directed=False)[1]


def spanning(matrix: np.ndarray, rank: int, vector_error: float) -> Condition:
    """How many classes of equal vectors are there whose absence would lower the rank?"""
    labels = classes(matrix, vector_error)
    count = int(labels.max()) + 1
    needed = count
    if rank and count > 2:
        ranks = [
            differences(matrix[labels != label], vector_error).rank() for label in range(count)
        ]
        needed = sum(found < rank for found in ranks)
    return Condition(
        "spanning environments",
        "the differences span everything spurious, S' = col(S)",
        holds=True if needed == 0 else None,
        statistic=float(needed),
        threshold=0.0,
        reason=(
            "environments (equal ones count once) without which the rank would be lower: where "
            "there are any, a next one may raise it again. Where there are none, all that is "
            "spurious has shown itself if amounts are in general position; a part that never "
            "varies cannot show (theory.md R3c)"
            if rank
            else "nothing varied, so nothing was tested"
        ),
        decided_by="leaving out one class of equal vectors at a time",
    )


def orthogonal(*, assumed: bool) -> Condition:
    """The assumption that no data support."""
    return Condition(
        "orthogonal",
        "the common part is orthogonal to everything spurious",
        holds=None,
        reason="the part of c inside the span of what is spurious is not in the data",
        decided_by="assumption" if assumed else "",
        assumed=assumed,
    )


def prediction(conditions: list[Condition], rank: int, width: int) -> Prediction:
    """What of c comes back, from the four conditions in order."""
    clear, something, spans, apart = conditions
    if not clear.holds:
        return Prediction(None, "undecided: gap")
    if not something.holds:
        return Prediction(False, f"nothing is invariant: all {width} dimensions vary")
    if not spans.holds:
        return Prediction(None, "undecided: spanning environments")
    if not apart.assumed:
        return Prediction(False, f"up to the span of the differences: {rank} of {width} dimensions")
    return Prediction(True)

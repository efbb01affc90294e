"""How often the rank above the noise floor differs from the exact one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from identifiability import Spectrum
from identifiability.statistics.calibration import percent
from identifiability.statistics.simulation import Rate

SHAPES = ((8, 5), (20, 30), (60, 40))
_ENTRIES = 9  # whole numbers up to this size: products of two factors are exact in float64


def _planted(rows: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """A matrix of whole numbers, exact in float64, and its rank.

    Each factor begins with a unit triangle, so that its rank is sure.
    """
    rank = int(rng.integers(1, min(rows, width)))
    left = rng.integers(-_ENTRIES, _ENTRIES + 1, (rows, rank))
    right = rng.integers(-_ENTRIES, _ENTRIES + 1, (rank, width))
    left[:rank] = np.tril(left[:rank], -1) + np.eye(rank, dtype=int)
    right[:, :rank] = np.triu(right[:, :rank], 1) + np.eye(rank, dtype=int)
    return (left @ right).astype(np.float64), rank


def _exact(matrix: np.ndarray, rng: np.random.Generator) -> Spectrum:
    """The numbers as they are, in any unit: a power of two rounds nothing."""
    return Spectrum.of(matrix * 2.0 ** int(rng.integers(-300, 301)), metric=False)


def _rotated(matrix: np.ndarray, rng: np.random.Generator) -> Spectrum:
    """After a product with a rotation, whose rounding is of the size of the decomposition's."""
    rotation = np.linalg.qr(rng.standard_normal((len(matrix), len(matrix))))[0]
    return Spectrum.of(rotation @ matrix, metric=False)


def _metric(matrix: np.ndarray, rng: np.random.Generator) -> Spectrum:
    """As a metric, with weights between outputs and rounding on both sides of the product."""
    weights = rng.uniform(0.5, 2.0, len(matrix))
    return Spectrum.of(matrix.T @ (weights[:, None] * matrix), metric=True)


def _single(matrix: np.ndarray, rng: np.random.Generator) -> Spectrum:
    """From float32 entries in a random unit, with the norm of their error stated."""
    scaled = matrix * rng.uniform(0.1, 10.0)
    rounded = scaled.astype(np.float32).astype(np.float64)
    return Spectrum.of(rounded, error=float(np.linalg.norm(rounded - scaled, 2)), metric=False)


KINDS: tuple[tuple[str, Callable[[np.ndarray, np.random.Generator], Spectrum]], ...] = (
    ("whole numbers in any unit", _exact),
    ("the same, rotated", _rotated),
    ("a metric of them", _metric),
    ("float32, error stated", _single),
)


def mistaken(
    kind: Callable[[np.ndarray, np.random.Generator], Spectrum],
    shape: tuple[int, int],
    trials: int,
    rng: np.random.Generator,
) -> tuple[Rate, Rate, Rate]:
    """How often the rank is too high, too low, and wrong in a spectrum that is called resolved."""
    more = less = unsaid = 0
    for _ in range(trials):
        matrix, rank = _planted(*shape, rng)
        spectrum = kind(matrix, rng)
        more += spectrum.rank() > rank
        less += spectrum.rank() < rank
        unsaid += spectrum.rank() != rank and spectrum.resolved
    return Rate(more, trials), Rate(less, trials), Rate(unsaid, trials)


def section(trials: int, rng: np.random.Generator) -> Iterator[str]:
    """Lines of Markdown."""
    yield "## Noise floor of a spectrum"
    yield ""
    yield (
        f"{trials} trials a cell: products of random whole-number matrices, of which the rank is "
        "known and every entry exact. The floor is ten times what a repeat in another basis "
        "changes, or the decomposition's own bound. It states no probability: nominally rounding "
        "never counts as signal, and of none in n trials one may say less than 3/n. A value that "
        "lies under the floor is not counted, and where it leaves no gap the verdict is "
        "`undetermined`; *unsaid* are wrong ranks without that warning."
    )
    yield ""
    yield "| matrix | M x d | rounding counted as signal | signal under the floor | unsaid |"
    yield "|---|---|---|---|---|"
    for name, kind in KINDS:
        for rows, width in SHAPES:
            found = mistaken(kind, (rows, width), trials, rng)
            yield f"| {name} | {rows} x {width} | {' | '.join(map(percent, found))} |"
    yield ""

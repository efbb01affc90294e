r"""Scores of a recovery, each beside what chance would score.

Chance is not 0: a Haar rotation of d = 2 whitened sources has a matched correlation of
:math:`2\sqrt2/\pi = 0.900` with them. So every score carries its null, drawn from the gauge that
second moments leave (a rotation of the whitened sources), and its worst component: a mean hides one
lost pair (theory.md section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles
from scipy.optimize import linear_sum_assignment

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation
from identifiability.validation import as_count, as_matrix, moderate

_DRAWS = 200  # puts the standard error of a null mean, of spread 0.1 or less, below 0.01


@dataclass(frozen=True, eq=False)
class Score:
    """One score with its parts and its null.

    Parameters
    ----------
    parts
        One number for each component of the truth, in its order: what is averaged.
    value, worst
        Mean of the parts (for the Amari distance, the distance itself), and the worst part.
    null
        (draws,) the same score for random elements of the gauge.
    best
        The score of a perfect recovery: 1 for a correlation, 0 for a distance.
    matching
        ``matching[i]`` is the estimated component that stands for component i of the truth; empty
        where nothing is matched.
    """

    parts: np.ndarray
    value: float
    worst: float
    null: np.ndarray
    best: float
    matching: tuple[int, ...] = ()

    @property
    def chance(self) -> float:
        """Mean of the null."""
        return float(self.null.mean())

    @property
    def normalised(self) -> float:
        """(value - chance)/(best - chance): 1 for perfect, 0 for chance, negative below it.

        NaN where chance is perfect: one component has no gauge to be lost in.
        """
        room = self.best - self.chance
        return (self.value - self.chance) / room if abs(room) > 1e-12 else float("nan")

    def __float__(self) -> float:
        return self.value


def mcc_codes(estimated: Any, true: Any, *, draws: int = _DRAWS, seed: int = 0) -> Score:
    """Mean matched |correlation| of sources, one-to-one (Hungarian), in the samples given.

    Parameters
    ----------
    estimated, true
        (n, k) sources, samples in rows. Score held-out samples: in-sample correlations flatter.
    draws, seed
        Size and randomness of the null: ``true``, whitened and turned by a Haar rotation.

    Raises
    ------
    InvalidInput
        For arrays that are not real, finite and of one shape, or a constant column.

    Examples
    --------
    >>> sources = np.random.default_rng(0).laplace(size=(500, 3))
    >>> score = mcc_codes(-2 * sources[:, ::-1], sources)
    >>> round(score.value, 12), score.matching, 0.7 < score.chance < 0.95
    (1.0, (2, 1, 0), True)
    """
    estimated, true = _pair(estimated, true, "(n, k)")
    _check_null(draws, seed)
    for name, codes in (("estimated", estimated), ("true", true)):
        if np.any(np.ptp(codes, axis=0) == 0):
            raise InvalidInput(
                f"{name} must have no constant column; a constant has no correlation"
            )
    centred = true - true.mean(axis=0)
    white = _whitened(centred)

    def similarity(columns: np.ndarray) -> np.ndarray:
        return _cosines(columns - columns.mean(axis=0), centred)

    return _matched(similarity(estimated), lambda turn: similarity(white @ turn), draws, seed)


def mcc_directions(estimated: Any, true: Any, *, draws: int = _DRAWS, seed: int = 0) -> Score:
    """Mean matched |cosine| of columns, one-to-one (Hungarian).

    Parameters
    ----------
    estimated, true
        (d, k) directions in columns.
    draws, seed
        Size and randomness of the null: ``true`` times a Haar rotation, the mixing of sources that
        second moments cannot tell from it.

    Raises
    ------
    InvalidInput
        For arrays that are not real, finite and of one shape, or a zero column.
    """
    estimated, true = _pair(estimated, true, "(d, k)")
    _check_null(draws, seed)
    for name, columns in (("estimated", estimated), ("true", true)):
        if not columns.any(axis=0).all():
            raise InvalidInput(f"{name} must have no zero column; zero has no direction")
    similarity = _cosines(estimated, true)
    return _matched(similarity, lambda turn: _cosines(true @ turn, true), draws, seed)


def amari_distance(estimated: Any, true: Any, *, draws: int = _DRAWS, seed: int = 0) -> Score:
    """Distance of two mixing matrices that is blind to order and scale of columns, in [0, 1].

    Zero exactly when ``estimated`` is ``true`` up to order and scale (Amari, Cichocki & Yang 1996;
    here divided by 2k(k - 1)).

    Parameters
    ----------
    estimated, true
        (d, k) of full column rank, k >= 2, with the same column space.
    draws, seed
        Size and randomness of the null: ``true`` times a Haar rotation.

    Raises
    ------
    InvalidInput
        For arrays that are not real, finite and of one shape, or not of full column rank.
    """
    estimated, true = _pair(estimated, true, "(d, k)")
    _check_null(draws, seed)
    size = true.shape[1]
    if size < 2 or any(np.linalg.matrix_rank(m) < size for m in (estimated, true)):
        raise InvalidInput(
            f"amari_distance needs two or more linearly independent columns, got {true.shape}; "
            "reduce both to the same subspace first"
        )

    def distances(columns: np.ndarray) -> np.ndarray:
        gain = np.abs(np.linalg.pinv(columns) @ true)
        rows, cols = gain / gain.max(axis=1, keepdims=True), gain / gain.max(axis=0)
        return (rows.sum(axis=0) - 1 + cols.sum(axis=0) - 1) / (2 * (size - 1))

    parts = distances(estimated)
    # The parts average to the distance: sum over columns of both excesses, over 2k(k - 1).
    null = _null(size, lambda turn: float(distances(true @ turn).mean()), draws, seed)
    return Score(parts, float(parts.mean()), float(parts.max()), null, 0.0)


def principal_angles(estimated: Any, true: Any, *, draws: int = _DRAWS, seed: int = 0) -> Score:
    """Principal angles between two column spaces, in radians, largest first.

    Parameters
    ----------
    estimated, true
        (d, j) and (d, k), of full column rank.
    draws, seed
        Size and randomness of the null: a uniformly random subspace of the estimate's dimension.

    Raises
    ------
    InvalidInput
        For arrays that are not real and finite, of different width, or not of full column rank.
    """
    first = moderate(as_matrix(estimated, "estimated", shape="(d, j)"), "estimated")
    second = moderate(as_matrix(true, "true", shape="(d, k)"), "true")
    if len(first) != len(second):
        raise InvalidInput(
            f"both must have one width, got {first.shape} and {second.shape}; take both from one "
            "layer"
        )
    _check_null(draws, seed)
    for name, columns in (("estimated", first), ("true", second)):
        if np.linalg.matrix_rank(_scaled(columns)) < columns.shape[1]:
            raise InvalidInput(
                f"{name} must have linearly independent columns, got {columns.shape} of lower "
                "rank; pass a basis of the space"
            )
    rng = np.random.default_rng(seed)
    angles = subspace_angles(first, second)
    null = [subspace_angles(rng.standard_normal(first.shape), second).mean() for _ in range(draws)]
    return Score(angles, float(angles.mean()), float(angles.max()), np.array(null), 0.0)


def _pair(estimated: Any, true: Any, shape: str) -> tuple[np.ndarray, np.ndarray]:
    first, second = (
        moderate(as_matrix(estimated, "estimated", shape=shape), "estimated"),
        moderate(as_matrix(true, "true", shape=shape), "true"),
    )
    if first.shape != second.shape:
        raise InvalidInput(
            f"estimated and true must both be {shape}, got {first.shape} and {second.shape}; "
            "a score of unequal numbers of components is not defined here"
        )
    return first, second


def _cosines(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(k, k) moduli, true components in rows."""
    unit = [_scaled(m) for m in (true, estimated)]
    unit = [m / np.linalg.norm(m, axis=0) for m in unit]
    return np.abs(unit[0].T @ unit[1])


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Columns by their largest entries, whose squares then keep to float64; zero stays zero."""
    largest = np.abs(columns).max(axis=0)
    return columns / np.where(largest > 0, largest, 1.0)


def _check_null(draws: Any, seed: Any) -> None:
    as_count(draws, "draws", at_least=1)
    as_count(seed, "seed", at_least=0)


def _whitened(centred: np.ndarray) -> np.ndarray:
    # In the sources' own basis (ZCA), where independent sources stay what they are.
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    return left @ right


def _matched(
    similarity: np.ndarray,
    turned: Callable[[np.ndarray], np.ndarray],
    draws: int,
    seed: int,
) -> Score:
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    parts = np.minimum(similarity[rows, columns], 1.0)

    def score(turn: np.ndarray) -> float:
        candidate = turned(turn)
        return float(candidate[linear_sum_assignment(candidate, maximize=True)].mean())

    null = _null(len(similarity), score, draws, seed)
    matching = tuple(int(column) for column in columns)
    return Score(parts, float(parts.mean()), float(parts.min()), null, 1.0, matching)


def _null(size: int, score: Callable[[np.ndarray], float], draws: int, seed: int) -> np.ndarray:
    rng, gauge = np.random.default_rng(seed), Rotation(size)
    return np.array([score(gauge.random(rng)) for _ in range(draws)])

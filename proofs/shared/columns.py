"""Columns of a mixing matrix read off two matrices that it diagonalises, and how far off they are.

If first = A D Aᵀ and second = A D' Aᵀ with D, D' diagonal, D > 0 and all ratios D'/D different,
the columns of A are, up to order and scale, the images of the eigenvectors of the second matrix
in coordinates in which the first is the identity. Independence (R1) and environments (R3b) both
provide such a second matrix.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def columns_diagonalising(first: np.ndarray, seconds: Iterable[np.ndarray]) -> np.ndarray:
    """Columns that diagonalise ``first`` and each of ``seconds``, from the best separated pair.

    Parameters
    ----------
    first
        (D, D) positive semidefinite; what lies outside its range cannot be seen.
    seconds
        Symmetric (D, D) matrices; the one whose eigenvalues relative to ``first`` are the
        farthest apart decides.

    Returns
    -------
    (D, rank of ``first``) unit columns.
    """
    values, vectors = np.linalg.eigh(first)
    seen = values > 1e-9 * values[-1]
    back = vectors[:, seen] * np.sqrt(values[seen])  # first = back @ back.T
    whiten = (vectors[:, seen] / np.sqrt(values[seen])).T

    best, columns = -1.0, back
    for second in seconds:
        ratios, turned = np.linalg.eigh(whiten @ second @ whiten.T)
        scale = np.abs(ratios).max() or 1.0
        apart = np.diff(ratios).min(initial=np.inf) / scale
        if apart > best:
            best, columns = apart, back @ turned
    return columns / np.linalg.norm(columns, axis=0)


def missed_angle(found: np.ndarray, true: np.ndarray) -> float:
    """Largest angle (radians) from a column of ``true`` to the nearest line among ``found``."""
    lines = found / np.linalg.norm(found, axis=0)
    targets = true / np.linalg.norm(true, axis=0)
    along = lines.T @ targets  # (found, true)
    # Through the sine: arccos loses half the digits at small angles.
    across = np.linalg.norm(targets[:, None, :] - lines[:, :, None] * along[None], axis=0)
    return float(np.arctan2(across, np.abs(along)).min(axis=0).max())

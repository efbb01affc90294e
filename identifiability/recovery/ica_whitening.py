"""States made white: mean zero, identity covariance, in the k dimensions that vary most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import svd

from identifiability.errors import InvalidInput
from identifiability.validation import as_matrix, moderate

# Least eigenvalue of a correlation matrix that is told from zero: the square root of the rounding
# unit. States that only rounding to float32 keeps from being singular have 1e-14.
SINGULAR = 1.5e-8
# Between the spreads of two columns: the small one keeps four digits in a decomposition of both.
_WIDEST = 1e12


@dataclass(frozen=True, eq=False)
class Whitened:
    """White samples and the way back.

    Parameters
    ----------
    samples
        (n, k) of mean zero and identity covariance.
    scales
        (d, k) matrix that makes centred states of them.
    kept
        Share of the variance of the states in these k dimensions; 1 where they are all.
    """

    samples: np.ndarray
    scales: np.ndarray
    kept: float


def as_states(states: Any) -> np.ndarray:
    """A dense, finite, real float64 array (n, d), or ``InvalidInput``."""
    return moderate(as_matrix(states, "states", shape="(n, d)"), "states")


def whitened(states: np.ndarray, components: int | None) -> Whitened:
    """White samples of the ``components`` leading principal components, by default of all.

    Signs are those of scikit-learn's FastICA, so that its rotation is the same.

    Raises
    ------
    InvalidInput
        Unless n > d, every column varies, and the rank is at least ``components``.
    """
    count, width = states.shape
    wanted = width if components is None else int(components)
    if count <= width:
        raise InvalidInput(
            f"states must be (n, d) with n > d, got n_samples = {count} and d = {width}; "
            "add prompts or reduce the width first"
        )
    constant = np.flatnonzero((states == states[0]).all(axis=0))
    if constant.size:
        raise InvalidInput(
            f"states must vary in every column, but columns {constant.tolist()} are constant; "
            "drop them"
        )
    centred = states - states.mean(axis=0)
    comparable(centred, "states")
    rank = _rank(centred)
    if wanted > rank:
        raise InvalidInput(
            f"states must have rank {wanted} about their mean, got {rank}; "
            f"pass n_components={rank} to find the columns inside their span"
        )
    left, singular, right = svd(centred, full_matrices=False, check_finite=False)
    signs = np.where(right[:wanted, 0] < 0, -1.0, 1.0)
    left, right = left[:, :wanted] * signs, right[:wanted] * signs[:, None]
    scales = right.T * (singular[:wanted] / np.sqrt(count))
    kept = float(np.sum(singular[:wanted] ** 2) / np.sum(singular[:rank] ** 2))
    return Whitened(left * np.sqrt(count), scales, kept if wanted < rank else 1.0)


def comparable(centred: np.ndarray, name: str) -> None:
    """Refuse columns, none of them constant, of which one is lost beside another to rounding."""
    spreads = np.abs(centred).max(axis=0)
    least, most = int(np.argmin(spreads)), int(np.argmax(spreads))
    if spreads[least] * _WIDEST < spreads[most]:
        raise InvalidInput(
            f"columns of {name} must vary by amounts within a factor of {_WIDEST:g}, got "
            f"{spreads[least]:.3g} in column {least} and {spreads[most]:.3g} in column {most}; "
            "choose other units"
        )


def _rank(centred: np.ndarray) -> int:
    """Of the correlation matrix, so that units of columns do not matter."""
    scaled = centred / np.abs(centred).max(axis=0)  # first, so that squares keep their digits
    scaled /= np.sqrt(np.mean(scaled**2, axis=0))
    values = np.linalg.eigvalsh(scaled.T @ scaled / len(scaled))
    return int(np.sum(values >= SINGULAR))

"""States of several environments, checked: what second-order recovery can work with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.recovery.ica_whitening import SINGULAR, comparable
from identifiability.recovery.stability import as_groups
from identifiability.validation import as_matrix, moderate
from identifiability.verdict import Condition


def as_states(environments: Any) -> list[np.ndarray]:
    """Two or more float64 arrays (n_e, d), each less its own mean.

    Raises
    ------
    InvalidInput
        Unless they are real, finite, of one width, and n_e > d + 1 without constant columns.
    """
    if hasattr(environments, "ndim") and environments.ndim < 3:
        raise InvalidInput(
            "environments must be a list of (n_e, d) arrays, got one array of shape "
            f"{environments.shape}; split the samples by environment"
        )
    if not hasattr(environments, "__len__") or isinstance(environments, str | bytes | dict):
        raise InvalidInput(
            "environments must be a list of (n_e, d) arrays, got "
            f"{type(environments).__name__}; split the samples by environment"
        )
    if len(environments) < 2:
        raise InvalidInput(
            f"second-order recovery needs two environments or more, got {len(environments)}; one "
            "covariance leaves every rotation free"
        )
    states = [_environment(given, e) for e, given in enumerate(environments)]
    widths = sorted({x.shape[1] for x in states})
    if len(widths) > 1:
        raise InvalidInput(
            f"environments must have one width d, got widths {widths}; take all states from the "
            "same layer"
        )
    return states


def _environment(given: Any, number: int) -> np.ndarray:
    name = f"environment {number}"
    states = moderate(as_matrix(given, name, shape="(n_e, d)"), name)
    count, width = states.shape
    if count <= width + 1:
        raise InvalidInput(
            f"{name} must have more than d + 1 = {width + 1} samples, got {count}; add samples or "
            "project all environments on fewer principal components"
        )
    constant = np.flatnonzero(np.ptp(states, axis=0) == 0)
    if constant.size:
        raise InvalidInput(
            f"{name} must have no constant column, got {constant.tolist()}; leave these columns "
            "out everywhere"
        )
    centred = states - states.mean(axis=0)
    comparable(centred, name)
    return centred


def definiteness(states: Sequence[np.ndarray]) -> Condition:
    """Whether every covariance can be inverted.

    Raises
    ------
    InvalidInput
        If one cannot: no variance along some direction, and with it no variance ratio.
    """
    smallest = np.inf
    for e, x in enumerate(states):
        scaled = x / np.sqrt(np.mean(x**2, axis=0))
        values = np.linalg.eigvalsh(scaled.T @ scaled / len(x))
        if values[0] < SINGULAR:
            rank = int(np.sum(values >= SINGULAR))
            raise InvalidInput(
                f"the covariance of environment {e} must be positive definite, got rank {rank} of "
                f"{len(values)}; project all environments on the directions that vary in each "
                f"(for example {rank} or fewer principal components)"
            )
        smallest = min(smallest, float(values[0]))
    return Condition(
        "positive definite",
        "every covariance can be inverted: least eigenvalue of the correlation matrices",
        holds=True,
        statistic=smallest,
        threshold=SINGULAR,
        reason="square root of the rounding unit: half of the digits remain",
    )


def as_labels(groups: Any, states: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """One (n_e,) array of integer labels for each environment; None where each sample has its own.

    If no groups are given, equal samples are one: they may be copies.
    """
    if groups is None:
        labels = [np.unique(x, axis=0, return_inverse=True)[1].ravel() for x in states]
        alone = all(label.max() + 1 == len(label) for label in labels)
        return None if alone else labels
    if not isinstance(groups, list | tuple | np.ndarray) or getattr(groups, "ndim", 1) == 0:
        raise InvalidInput(
            "groups must be a list with one array for each environment, got "
            f"{type(groups).__name__}; pass the prompt of every sample"
        )
    if len(groups) != len(states):
        raise InvalidInput(
            f"groups must have one array for each of the {len(states)} environments, got "
            f"{len(groups)}; pass the prompt of every sample"
        )
    return [as_groups(label, len(x)) for label, x in zip(groups, states, strict=True)]


def second_moments(states: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Covariances (E, d, d) about each environment's own mean, already taken off, and sizes (E,).

    A degree of freedom is lost with each mean.
    """
    sizes = np.array([len(x) - 1 for x in states], dtype=np.float64)
    return np.array([x.T @ x / size for x, size in zip(states, sizes, strict=True)]), sizes


def large_enough_halves(
    labels: Sequence[np.ndarray], states: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """Labels, if half of the groups of every environment leaves enough samples."""
    width = states[0].shape[1]
    for e, group in enumerate(labels):
        counts = np.sort(np.bincount(group))
        least = int(counts[: len(counts) // 2].sum())
        if len(counts) < 2 or least <= width + 1:
            raise InvalidInput(
                f"stability needs halves of more than d + 1 = {width + 1} samples, got {least} in "
                f"the smaller half of environment {e}; add samples or groups"
            )
    return labels

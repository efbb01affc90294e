r"""Split-half stability: do disjoint halves of the data give the same answer?

Agreement between seeds on the same data does not show identifiability: an optimiser finds the same
arbitrary rotation again and again. Agreement between halves does, if it exceeds what the gauge that
data might leave would give by chance (theory.md section 3). Halves are made of whole groups
(prompts), never of single tokens, since neighbouring tokens are not independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_count

# One-sided: a component that turns freely is called stable once in a hundred.
_LEVEL = 0.99
_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Stability:
    """Agreement between estimates from disjoint halves of the data.

    Parameters
    ----------
    agreement
        (splits, k) in [0, 1]: |cosine| of each component between the two halves, modulo the gauge
        that theory leaves, in the order of the estimate from all data.
    null
        (draws,) agreement, averaged over as many splits, of a component that turns freely under
        the smallest gauge that could be left.
    gauge
        What that gauge is, in words.
    turning
        (d, j) orthonormal basis of the span of the components that are not stable; j may be 0.
    """

    agreement: np.ndarray
    null: np.ndarray
    gauge: str
    turning: np.ndarray

    @classmethod
    def of(
        cls, agreement: np.ndarray, null: np.ndarray, gauge: str, columns: np.ndarray
    ) -> Stability:
        """The same, with ``turning`` from the estimate of all components: ``columns`` (d, k)."""
        found = cls(agreement, null, gauge, np.zeros((len(columns), 0)))
        chosen = columns[:, list(found.unstable_components)]
        chosen = chosen[:, chosen.any(axis=0)]  # a zero column has no direction
        return replace(found, turning=np.linalg.qr(chosen)[0])

    @property
    def by_component(self) -> np.ndarray:
        """(k,) mean agreement over the splits."""
        return self.agreement.mean(axis=0)

    @property
    def mean(self) -> float:
        """Over components and splits."""
        return float(self.agreement.mean())

    @property
    def minimum(self) -> float:
        """Of the component that agrees least."""
        return float(self.by_component.min())

    @property
    def chance(self) -> float:
        """Mean of the null."""
        return float(self.null.mean())

    @property
    def threshold(self) -> float:
        """Agreement that a freely turning component exceeds once in a hundred."""
        return float(np.quantile(self.null, _LEVEL))

    @property
    def stable(self) -> bool:
        """Whether every component agrees beyond chance."""
        return self.minimum > self.threshold

    @property
    def unstable_components(self) -> tuple[int, ...]:
        """Those that do not."""
        return tuple(int(i) for i in np.flatnonzero(self.by_component <= self.threshold))


def absolute_cosine(first: np.ndarray, second: np.ndarray) -> float:
    r"""\|cosine\| of two estimates; both 0 agree, as nothing was seen in either half."""
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    if sizes == 0:
        return float(not first.any() and not second.any())
    return min(1.0, float(abs(first @ second)) / sizes)


def planar_null(splits: int, rng: np.random.Generator) -> np.ndarray:
    r"""Matched \|cosine\| of a pair of components that turn freely in their plane, over the splits.

    The smallest rotation gauge, and the one that looks most stable: the angle to the nearer axis is
    uniform in [0, pi/4], with mean cosine 2 sqrt(2)/pi = 0.900. Splits count as independent.
    """
    return np.cos(rng.uniform(0, np.pi / 4, (_DRAWS, splits))).mean(axis=1)


def direction_null(dimension: int, splits: int, rng: np.random.Generator) -> np.ndarray:
    r"""\|cosine\| of two random directions in a space of ``dimension``, mean over the splits."""
    if dimension < 1:
        raise InvalidInput("a null direction needs a space of dimension 1 or more, got 0")
    first = rng.standard_normal((_DRAWS, splits, dimension))
    return (np.abs(first[..., 0]) / np.linalg.norm(first, axis=-1)).mean(axis=1)


def support_null(count: int, sparsity: int, splits: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) mean over the splits of the |cosine| of two random codes of k entries.

    Entries are standard normal; the number of common ones is hypergeometric.
    """
    overlap = rng.hypergeometric(sparsity, count - sparsity, sparsity, (_DRAWS, splits))
    first, second = rng.standard_normal((2, _DRAWS, splits, sparsity))
    common = np.arange(sparsity) < overlap[..., None]
    products = np.abs(np.sum(first * second * common, axis=-1))
    return (products / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)).mean(1)


def as_groups(groups: Any, count: int) -> np.ndarray:
    """(n,) integer labels, one for each sample; every sample its own group if none are given.

    Raises
    ------
    InvalidInput
        If there is not one label for each sample, or fewer than two groups.
    """
    if groups is None:
        labels = np.arange(count)
    else:
        try:
            given = np.asarray(groups)
        except ValueError:  # numpy's answer to rows of unequal length
            given = np.zeros(0)
        if given.shape != (count,):
            raise InvalidInput(
                f"groups must have one label for each of the {count} samples, got {given.shape}; "
                "pass the prompt of every sample"
            )
        try:
            labels = np.unique(given, return_inverse=True)[1]
        except TypeError:  # numpy's answer to labels that cannot be sorted
            raise InvalidInput(
                "groups must be labels of one kind, got several; pass numbers or texts alone"
            ) from None
    if labels.max() < 1:
        raise InvalidInput("split halves need at least two groups, got 1; add prompts")
    return labels


def seeded(seed: Any) -> np.random.Generator:
    """The randomness of splits and null."""
    return np.random.default_rng(as_count(seed, "seed", at_least=0))


def halves(
    labels: np.ndarray, splits: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row indices of the two halves, split by group, ``splits`` times.

    Raises
    ------
    InvalidInput
        Unless ``splits`` is a positive integer.
    """
    as_count(splits, "splits", at_least=1)
    count = int(labels.max()) + 1
    for _ in range(splits):
        first = np.isin(labels, rng.permutation(count)[: count // 2])
        yield np.flatnonzero(first), np.flatnonzero(~first)

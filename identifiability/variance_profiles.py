r"""How far apart variance profiles are, and how well samples tell them apart.

Sources s_1 ... s_d have variance lambda_ie in environment e; two of them are told apart by the
covariances iff their profiles are not proportional (theory.md R3b). With weights pi_e = n_e/N and
x_e = log(lambda_ie/lambda_je), the separation of a pair is twice the standard deviation of x over
environments: for two of equal size, the difference of the two log variance ratios.

Sampling, to first order: in a plane of equal variances the sources' 2 x 2 covariance is off by
[[p, q], [q, -p]] (and a common factor) with p, q of variance 1/n_e each, whatever axes are taken.
The diagonaliser takes the axes with the largest spread of p, a singular value, which by Weyl's
inequality moves by no more than the norm of all centred p and q: a chi variable with 2(E - 1)
degrees of freedom. So the bound holds for proportional profiles too, where the sampling
distribution of a single eigenvalue does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.joint_diagonalisation import curvature


def separations(profiles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(d, d) separation of every pair of profiles (d, E): 0 iff they are proportional."""
    weights = weights / weights.sum()
    logs = np.log(profiles)
    centred = (logs - (logs @ weights)[:, None]) * np.sqrt(weights)
    products = centred @ centred.T
    spread = np.diag(products)
    squared = spread[:, None] + spread[None, :] - 2 * products
    return 2 * np.sqrt(np.clip(squared, 0.0, None))


def separation_error(sizes: np.ndarray, effects: np.ndarray, level: float) -> np.ndarray:
    """(d, d) bound that all errors of separations keep together, but with probability ``level``.

    Parameters
    ----------
    sizes
        (E,) samples in each environment.
    effects
        (d, d) design effects: variance of second moments relative to independent Gaussians.
    """
    from scipy.stats import chi2

    width = len(effects)
    pairs = max(1, width * (width - 1) // 2)
    quantile = chi2.isf(level / pairs, 2 * (len(sizes) - 1))
    return 4 * np.sqrt(quantile * effects / sizes.sum())


def leakage(
    profiles: np.ndarray, sizes: np.ndarray, effects: np.ndarray | float = 1.0
) -> np.ndarray:
    r"""(d, d) standard error of how much of column i leaks into the estimate of column j.

    For profiles of weighted mean 1, the estimate of column j is a_j + sum_i T_ij a_i with

    .. math:: N \operatorname{Var} T_{ij} = \frac{w_{ji}}{w_{ij} w_{ji} - 1}, \quad
        w_{ij} = \sum_e \pi_e \lambda_{je} / \lambda_{ie}

    the inverse of each pair's Fisher information; for two environments of n samples and ratios
    near each other, 2/(n g^2), g the difference of their logarithms. Infinite for proportional
    profiles. It needs no Gaussian sources: the product of two independent ones has the same
    variance.
    """
    width = len(profiles)
    precision = curvature(profiles, sizes / sizes.sum())
    determinant = precision * precision.T - 1
    np.fill_diagonal(determinant, 1.0)
    variance = np.full((width, width), np.inf)
    np.divide(precision.T, determinant, out=variance, where=determinant > 0)
    np.fill_diagonal(variance, 0.0)
    return np.sqrt(variance * effects / sizes.sum())


@dataclass(frozen=True, eq=False)
class DesignEffects:
    """Variance of sources' second moments, relative to independent samples of Gaussians.

    Parameters
    ----------
    along
        (d, d) of half the difference of two sources' variances: (kurtosis - 1)/2 for equal ones.
    across
        (d, d) of their covariance: 1 for independent samples of independent sources.
    """

    along: np.ndarray
    across: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """(d, d) the larger of the two, and at least 1."""
        return np.maximum(np.maximum(self.along, self.across), 1.0)

    @property
    def mean_across(self) -> float:
        """Mean over pairs: the scale of a likelihood ratio (Satorra & Bentler 1994)."""
        width = len(self.across)
        if width == 1:
            return 1.0
        return float((self.across.sum() - np.trace(self.across)) / (width * (width - 1)))

    @classmethod
    def of(
        cls, sources: Sequence[np.ndarray], groups: Sequence[np.ndarray] | None
    ) -> DesignEffects:
        """Measure them; the worst environment counts.

        Parameters
        ----------
        sources
            One centred (n_e, d) for each environment.
        groups
            Labels (n_e,) of the samples that are not independent of each other (tokens of a
            prompt); each sample by itself if None.
        """
        found = []
        for e, samples in enumerate(sources):
            scaled = samples / samples.std(axis=0)
            labels = None if groups is None else np.unique(groups[e], return_inverse=True)[1]
            found.append(_effects(scaled, labels))
        along, across = np.max(found, axis=0)
        return cls(along, across)


def _effects(scaled: np.ndarray, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """n times the variances of half the difference of mean squares, and of the mean product."""
    count = len(scaled)
    correlation = scaled.T @ scaled / count
    squares = scaled**2
    if labels is None:
        groups = count
        totals = squares  # of each group, here of each sample
        products = squares.T @ squares - count * correlation**2
    else:
        groups = int(labels.max()) + 1
        totals = np.zeros((groups, scaled.shape[1]))
        np.add.at(totals, labels, squares)
        products = np.zeros_like(correlation)
        order = np.argsort(labels, kind="stable")
        for members in np.split(scaled[order], np.cumsum(np.bincount(labels))[:-1]):
            products += (members.T @ members - len(members) * correlation) ** 2
    crossed = totals.T @ totals
    own = np.diag(crossed)
    differences = (own[:, None] + own[None, :] - 2 * crossed) / 4
    unbiased = groups / (groups - 1)  # for the means that were taken off
    return unbiased * differences / count, unbiased * products / count

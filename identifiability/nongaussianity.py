r"""How many directions of whitened data are Gaussian as far as their cumulants tell, and which.

For independent sources with skewness :math:`\gamma_j`, excess kurtosis :math:`\kappa_j` and, after
whitening, orthonormal columns :math:`u_j`,

.. math::
    N = \frac{1}{12} F_3 F_3^\top + \frac{1}{48} B^2
      = \sum_j \Bigl(\frac{\gamma_j^2}{12} + \frac{\kappa_j^2}{48}\Bigr) u_j u_j^\top,
    \qquad B_{ab} = \sum_c \kappa_{abcc},

with F_3 the third cumulants as a (k, k^2) matrix. Its eigenvalues are negentropies to fourth order,
in nats (Jones & Sibson 1987, doi:10.2307/2981662), and its kernel is spanned by the columns of
sources whose third and fourth cumulants vanish: the Gaussian ones, and whatever else these
cumulants do not see. B is the matrix of FOBI (Cardoso 1989), whose null law beside non-Gaussian
sources is that of Nordhausen, Oja, Tyler & Virta (2017), doi:10.1109/LSP.2017.2696880.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

_SKEWNESS, _KURTOSIS = 1 / 12, 1 / 48  # weights of the squares in negentropy, nats


@dataclass(frozen=True, eq=False)
class GaussianDirections:
    """What the cumulants of whitened samples say about Gaussian directions.

    Parameters
    ----------
    count
        Largest number of directions that are not told from Gaussian ones.
    negentropy
        (k,) of the directions, in nats to fourth order, descending.
    basis
        (k, k) orthonormal, the directions in that order: the last ``count`` span what is left.
    statistic, quantile
        Negentropy of those ``count`` + 1 directions that were last found not to be Gaussian, and
        what as many Gaussian ones reach with the test's probability; NaN where none were.
    resolution
        Excess kurtosis that one of the ``count`` directions could have had without being seen,
        with the test's probability of error; 0 where count is 0.
    """

    count: int
    negentropy: np.ndarray
    basis: np.ndarray
    statistic: float
    quantile: float
    resolution: float


def gaussian_directions(white: np.ndarray, level: float) -> GaussianDirections:
    """Count the Gaussian directions, by tests of k, k - 1, … of them until one is not rejected.

    Parameters
    ----------
    white
        (n, k) samples of mean zero and identity covariance.
    level
        Probability, for large n, that a test rejects Gaussian directions.
    """
    count, width = white.shape
    matrix, contracted, squared = _negentropy_matrix(white)
    spread = float(squared.var())
    stretch = _stretch(squared, level)
    values, basis = np.linalg.eigh(matrix)
    values, basis = np.maximum(values[::-1], 0.0), basis[:, ::-1]
    kurtoses = np.einsum("ia,ij,ja->a", basis, contracted, basis)
    statistic = quantile = np.nan
    for size in range(width, 0, -1):
        weights, freedom = _null(size, kurtoses[: width - size], spread)
        found = values[width - size :].sum()
        limit = stretch * _quantile(weights, freedom, level) / count
        if found <= limit:
            # kappa^2/48 must exceed the limit with the same certainty, given kappa's own error.
            error = np.sqrt((2 * (spread + 8) + 4) / count)
            seen = np.sqrt(limit / _KURTOSIS) + norm.isf(level) * error
            return GaussianDirections(size, values, basis, statistic, quantile, float(seen))
        statistic, quantile = float(found), float(limit)
    return GaussianDirections(0, values, basis, statistic, quantile, 0.0)


def _negentropy_matrix(white: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N and B (k, k), and the squared lengths (n,)."""
    count, width = white.shape
    squared = np.einsum("ni,ni->n", white, white)
    contracted = (white * squared[:, None]).T @ white / count - (width + 2) * np.eye(width)
    third = np.zeros((width, width))
    for column in white.T:  # E[z_a z_b z_c] for one c at a time: no (n, k^2) array
        moments = (white * column[:, None]).T @ white / count
        third += moments @ moments
    return _SKEWNESS * third + _KURTOSIS * contracted @ contracted, contracted, squared


def _null(size: int, kurtoses: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and degrees of freedom of the chi-squared law of n tr(N) over Gaussian directions.

    B has entries of variance ``spread`` + 8 off its diagonal, and the law of Nordhausen et al. In
    F_3 each cumulant counts as often as it occurs in the rows of the Gaussian directions, with the
    variance it has under independence: 6, 2, 1 for iii, iij, ijl, and kappa_j + 2 for ijj beside a
    source j of excess kurtosis kappa_j.
    """
    others, off = len(kurtoses), spread + 8
    weights = [_KURTOSIS * 2 * off, _KURTOSIS * (2 * off + 4 * size)]
    freedom = [(size - 1) * (size + 2) / 2, 1.0]
    inside = size * (size + 1) * (size + 2) / 6
    weights += [_SKEWNESS * 6, _SKEWNESS * 4, _SKEWNESS * 2]
    freedom += [inside, size * (size + 1) / 2 * others, size * others * (others - 1) / 2]
    # Sample kurtoses can fall below the least value that a law can have, -2.
    weights += list(_SKEWNESS * np.maximum(kurtoses + 2, 0.0))
    freedom += [size] * others
    return np.array(weights), np.array(freedom, dtype=np.float64)


def _stretch(squared: np.ndarray, level: float) -> float:
    """What the skewness of sample kurtosis adds to a quantile of its square at this n.

    Of a Gaussian direction, B has the mean of x(z^2 - 1) + z^4 - 6z^2 + 3, with x the squared
    length of all else: skewness 14.7/sqrt(n) for one dimension. First term of Cornish & Fisher
    (1938, doi:10.2307/1400905), applied to the whole law, which errs on the side of Gaussian.
    """
    spread = float(squared.var()) - 2  # of x: the squares of the direction itself are chi-squared
    third = float(np.mean((squared - squared.mean()) ** 3)) - 8
    variance, cube = 2 * spread + 24, 8 * third + 72 * spread + 1728
    skewness = max(cube, 0.0) / max(variance, 1.0) ** 1.5 / np.sqrt(len(squared))
    z = float(norm.isf(level))
    return (1 + skewness * max(z**2 - 1, 0.0) / (6 * z)) ** 2


def _quantile(weights: np.ndarray, freedom: np.ndarray, level: float) -> float:
    """Upper quantile of a weighted sum of chi-squared variables, for level up to 0.1.

    By the saddlepoint approximation of the tail (Lugannani & Rice 1980, doi:10.2307/1426607;
    Kuonen 1999, doi:10.1093/biomet/86.4.929), which at its saddlepoint needs no equation solved.
    """
    present = weights > 0
    weights, freedom = weights[present], freedom[present]

    def at(saddle: float) -> tuple[float, float]:
        """The point that has this saddlepoint, and the probability above it."""
        shrunk = 1 - 2 * saddle * weights
        generator = -0.5 * float(freedom @ np.log(shrunk))
        point = float(freedom @ (weights / shrunk))
        curvature = 2 * float(freedom @ (weights / shrunk) ** 2)
        root = np.sqrt(2 * (saddle * point - generator))
        slope = saddle * np.sqrt(curvature)
        return point, float(norm.sf(root) + norm.pdf(root) * (1 / slope - 1 / root))

    end = 1 / (2 * float(weights.max()))
    # The probability falls from that above the mean, more than 0.1, to nothing.
    share = brentq(lambda part: at(part * end)[1] - level, 1e-3, 1 - 1e-6)
    return at(float(share) * end)[0]

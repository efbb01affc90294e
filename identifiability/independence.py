r"""Independence of sources: what can be known before they are estimated, and what after.

*Before.* After whitening, independent sources have third and fourth cumulants
:math:`\sum_j \gamma_j u_j^{\otimes 3}` and :math:`T = \sum_j \kappa_j u_j^{\otimes 4}` with
orthonormal u_j, whatever the rotation. Hence

.. math:: \sum_{abcd} T_{abcd}^2 = \sum_{ab} \Bigl(\sum_c T_{abcc}\Bigr)^2 = \sum_j \kappa_j^2 ,

and the same for the third, with gamma; which no rotation changes, so it can be tested without
knowing one. Spherical laws miss the fourth by :math:`c^2 k (k + 2)(k - 1)`, with c the cumulant
:math:`\kappa_{1122}`. It is necessary only: laws that are dependent in higher orders, or in which
terms of both signs cancel, pass.

*After.* Rank correlations between the moduli of recovered sources, and the cumulants E[z_i^2 z_j].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm, rankdata

_ENTRIES = 4_000_000  # float64 entries of a block of products, 32 MB


@dataclass(frozen=True)
class CumulantGap:
    """Sum of squared cumulants of one order less that of contracted ones.

    ``linear_error`` is the standard error from the first Hoeffding projection, ``quadratic_error``
    from the rest, which alone is left where all these cumulants vanish. ``whitening`` is the sum
    of the |products| of two sources' cumulants: what a squared sample covariance is multiplied by.
    """

    value: float
    linear_error: float
    quadratic_error: float
    whitening: float
    count: int
    width: int

    def limit(self, level: float) -> float:
        """What |value| exceeds under independence with at most this probability, for large n.

        The linear part is normal; the rest a quadratic form in normal variables, whose tail is
        taken for that of a single squared one, the heaviest with its variance. Squared sample
        covariances, 1/n times chi-squared each, count apart: for two-valued sources, whose moments
        have no other error, they are all there is (2 kappa_1 kappa_2 c^2, exactly).
        """
        single = (chi2.isf(level, 1) - 1) / np.sqrt(2)
        limit = norm.isf(level / 2) * self.linear_error + single * self.quadratic_error
        pairs = max(1.0, self.width * (self.width - 1) / 2)
        return float(limit + self.whitening * chi2.isf(level / pairs, 1) / self.count)


def cumulant_gap(white: np.ndarray) -> CumulantGap:
    """Whether the fourth cumulants can be those of independent sources, in any rotation.

    Parameters
    ----------
    white
        (n, k) samples of mean zero and identity covariance.

    Notes
    -----
    A U-statistic in fourth Hermite tensors, so that the squares have no bias. Whitening by sample
    moments moves it in second order only. Costs n k^4 operations.
    """
    count, width = white.shape
    if width == 1:
        return CumulantGap(0.0, 0.0, 0.0, 0.0, count, width)
    rows = max(1, _ENTRIES // width**2)
    blocks = [white[start : start + rows] for start in range(0, count, rows)]
    moments = sum(_products(block).T @ _products(block) for block in blocks) / count
    second = white.T @ white / count
    tensor = _hermite(moments, second)
    contracted = np.einsum("abcc->ab", tensor.reshape((width,) * 4))
    # Twice the first Hoeffding projection, from <T, H4(z)> and the same for the contraction.
    squared = np.einsum("ni,ni->n", white, white)
    quadratic = np.einsum("ni,ij,nj->n", white, contracted, white)
    trace = float(np.trace(contracted))
    quartic = np.concatenate(
        [np.einsum("na,ab,nb->n", p, tensor, p, optimize=True) for p in map(_products, blocks)]
    )
    whole = quartic - 6 * quadratic + 3 * trace
    short = (squared - width - 4) * quadratic - (squared - width - 2) * trace
    influence = whole - short
    itself = _kernel(squared, squared, squared, width)
    value = (count * influence.mean() - itself.mean()) / (count - 1)
    # Neighbours in the sample are n independent pairs but for their overlap.
    other = np.roll(white, 1, axis=0)
    pairs = _kernel(np.einsum("ni,ni->n", white, other), squared, np.roll(squared, 1), width)
    return CumulantGap(
        value=float(value),
        linear_error=float(2 * influence.std() / np.sqrt(count)),
        quadratic_error=float(np.sqrt(2 * np.mean(pairs**2)) / count),
        whitening=_cross_products(np.linalg.eigvalsh(contracted)),
        count=count,
        width=width,
    )


def _cross_products(cumulants: np.ndarray) -> float:
    """Sum over ordered pairs i != j of |c_i c_j|."""
    return float(np.abs(cumulants).sum() ** 2 - (cumulants**2).sum())


def skewness_gap(white: np.ndarray) -> CumulantGap:
    """The same for third cumulants, on samples (n, k) of mean zero and identity covariance.

    Here whitening by sample moments counts in first order already: covariances of two skewed
    sources enter the contraction.
    """
    count, width = white.shape
    if width == 1:
        return CumulantGap(0.0, 0.0, 0.0, 0.0, count, width)
    tensor = np.array([(white * column[:, None]).T @ white / count for column in white.T])
    contracted = np.einsum("abb->a", tensor)
    squares = np.einsum("acd,bcd->ab", tensor, tensor)
    squared = np.einsum("ni,ni->n", white, white)
    along = white @ contracted
    cubic = np.einsum("na,na->n", white @ tensor.reshape(width, -1), _products(white))
    whole = cubic - 3 * along
    short = (squared - width - 2) * along
    moved = along**2 - np.einsum("na,ab,nb->n", white, squares, white)
    itself = _third_kernel(squared, squared, squared, width)
    influence = whole - short
    value = (count * influence.mean() - itself.mean()) / (count - 1)
    other = np.roll(white, 1, axis=0)
    product = np.einsum("ni,ni->n", white, other)
    pairs = _third_kernel(product, squared, np.roll(squared, 1), width)
    return CumulantGap(
        value=float(value),
        linear_error=float((2 * influence + moved).std() / np.sqrt(count)),
        quadratic_error=float(np.sqrt(2 * np.mean(pairs**2)) / count),
        whitening=_cross_products(np.sqrt(np.maximum(np.linalg.eigvalsh(squares), 0.0))),
        count=count,
        width=width,
    )


def _products(block: np.ndarray) -> np.ndarray:
    return (block[:, :, None] * block[:, None, :]).reshape(len(block), -1)  # (n, k^2)


def _hermite(moments: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(k^2, k^2) mean of H4(z) from the fourth and second moments."""
    width = len(second)
    unit = np.eye(width)
    tensor = moments.reshape((width,) * 4).copy()
    for pair, rest in (("ab", "cd"), ("ac", "bd"), ("ad", "bc")):
        for one, other in ((pair, rest), (rest, pair)):
            tensor -= np.einsum(f"{one},{other}->abcd", unit, second)
        tensor += np.einsum(f"{pair},{rest}->abcd", unit, unit)
    return tensor.reshape(width**2, width**2)


def _kernel(product: np.ndarray, a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """<H4(x), H4(y)> less that of their contractions, from x @ y, |x|^2 and |y|^2."""
    t = product**2
    both = a + b
    whole = t**2 + (6 * k + 24 - 6 * both) * t + 3 * both**2 - 6 * (k + 2) * both + 3 * k * (k + 2)
    short = (a - k - 4) * (b - k - 4) * t + k * (a - k - 2) * (b - k - 2)
    short -= (a - k - 4) * (b - k - 2) * a + (b - k - 4) * (a - k - 2) * b
    return whole - short


def _third_kernel(product: np.ndarray, a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """<H3(x), H3(y)> less that of their contractions, from x @ y, |x|^2 and |y|^2."""
    whole = product**3 - 3 * (a + b) * product + 3 * (k + 2) * product
    return whole - (a - k - 2) * (b - k - 2) * product


@dataclass(frozen=True)
class Dependence:
    """The most dependent pair of sources: a statistic and what chance reaches."""

    value: float
    quantile: float
    pair: tuple[int, int]
    kind: str

    @property
    def excess(self) -> float:
        """Statistic over quantile; 0 where there is no pair."""
        return self.value / self.quantile if self.quantile > 0 else 0.0

    @property
    def found(self) -> bool:
        """Whether chance does not reach it."""
        return self.value > self.quantile


def dependence(sources: np.ndarray, level: float) -> Dependence:
    """The worse of ``modulus_correlation`` and ``shared_skewness``, each at half the level."""
    both = modulus_correlation(sources, level / 2), shared_skewness(sources, level / 2)
    return max(both, key=lambda one: one.excess)


def modulus_correlation(sources: np.ndarray, level: float) -> Dependence:
    """Whether recovered sources share their size, which uncorrelated ones still may.

    Parameters
    ----------
    sources
        (n, k), white; one source alone correlates with nothing, 0.
    level
        Probability that the quantile is exceeded by chance in any pair (Bonferroni; under
        permutation a rank correlation has variance 1/(n - 1) exactly and is nearly normal).
    """
    count, width = sources.shape
    kind = "|rank correlation| of moduli"
    if width == 1:
        return Dependence(0.0, 0.0, (0, 0), kind)
    found = np.triu(_correlated(sources, 0.0), 1)
    quantile = float(norm.isf(level / (width * (width - 1))) / np.sqrt(count - 1))

    def binned(pair: np.ndarray) -> list[float]:
        return [float(_correlated(pair, offset)[0, 1]) for offset in (0.0, 1 / 3, 2 / 3)]

    return _worst(sources, found, quantile, kind, binned)


def shared_skewness(sources: np.ndarray, level: float) -> Dependence:
    """Whether one source's square goes with another's sign: E[z_i^2 z_j] in standard errors.

    What half-normal sources show that are turned by 45 degrees. ``sources`` and ``level`` as in
    ``modulus_correlation``; the quantile is the normal one.
    """
    count, width = sources.shape
    kind = "|E[z_i^2 z_j]| in standard errors"
    if width == 1:
        return Dependence(0.0, 0.0, (0, 0), kind)
    squares = sources**2
    means = squares.T @ sources / count
    spread = np.sqrt(np.maximum((squares**2).T @ squares / count - means**2, 0.0) / count)
    found = np.divide(means, spread, out=np.zeros_like(means), where=spread > 0)
    np.fill_diagonal(found, 0.0)
    quantile = float(norm.isf(level / (2 * width * (width - 1))))

    def one(z: np.ndarray) -> list[float]:
        products = z[:, 0] ** 2 * z[:, 1]
        return [float(products.mean() / products.std() * np.sqrt(count))]

    return _worst(sources, found, quantile, kind, one)


def _correlated(sources: np.ndarray, offset: float) -> np.ndarray:
    """(k, k) rank correlations of moduli in bins of twice the error of an estimate.

    Without bins an estimate's error would give ranks to what is one atom of a discrete law.
    """
    width = 2 * _error(len(sources))
    ranks = rankdata(np.floor(np.abs(sources) / width + offset), axis=0)
    ranks -= ranks.mean(axis=0)
    lengths = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(lengths > 0, lengths, 1.0)
    return ranks.T @ ranks


def _error(count: int) -> float:
    """Radians: four standard errors of a turn between sources, about 1/sqrt(n) each."""
    return 4 / np.sqrt(count)


def _worst(
    sources: np.ndarray,
    found: np.ndarray,
    quantile: float,
    kind: str,
    statistics: Callable[[np.ndarray], list[float]],
) -> Dependence:
    """The largest |entry| of ``found`` that no turn within the error of an estimate takes away.

    Estimated sources are turned against the true ones by some 1/sqrt(n), which a statistic may see
    that true sources would pass: |s_1 + e s_2| = 1 + e s_1 s_2 for two-valued ones. A pair counts
    with its least value over turns of four standard errors to both sides (and over bins that start
    elsewhere), with 0 where the sign changes.
    """
    angle = _error(len(sources))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    least = np.abs(found)
    for i, j in np.argwhere(least > quantile):
        pair = sources[:, [i, j]]
        turned = (pair, pair @ turn, pair @ turn.T)
        values = [value for samples in turned for value in statistics(samples)]
        same = min(values) > 0 or max(values) < 0
        least[i, j] = np.abs(values).min() if same else 0.0
    first, second = np.unravel_index(int(np.argmax(least)), least.shape)
    pair = (int(first), int(second))
    return Dependence(float(least.max()), quantile, pair, kind)

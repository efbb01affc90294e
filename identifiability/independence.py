r"""Independence of sources: what can be known before they are estimated, and what after.

*Before.* After whitening, independent sources have fourth cumulants
:math:`T = \sum_j \kappa_j u_j^{\otimes 4}` with orthonormal u_j, whatever the rotation. Hence

.. math:: \sum_{abcd} T_{abcd}^2 = \sum_{ab} \Bigl(\sum_c T_{abcc}\Bigr)^2 = \sum_j \kappa_j^2 ,

which no rotation changes, so it can be tested without knowing one. Spherical laws miss it by
:math:`c^2 k (k + 2)(k - 1)`, with c the cumulant :math:`\kappa_{1122}`. It is necessary only: laws
that are dependent in higher orders, or in which terms of both signs cancel, pass.

*After.* Rank correlations between the moduli of the recovered sources, under permutation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm, rankdata

_ENTRIES = 4_000_000  # float64 entries of a block of products, 32 MB


@dataclass(frozen=True)
class CumulantGap:
    """Sum of squared fourth cumulants less that of contracted ones.

    ``linear_error`` is the standard error from the first Hoeffding projection, ``quadratic_error``
    from the rest, which alone is left where all fourth cumulants vanish.
    """

    value: float
    linear_error: float
    quadratic_error: float

    def limit(self, level: float) -> float:
        """What |value| exceeds under independence with at most this probability, for large n.

        The linear part is normal; the rest a quadratic form in normal variables, whose tail is
        taken for that of a single squared one, the heaviest with its variance.
        """
        single = (chi2.isf(level, 1) - 1) / np.sqrt(2)
        return float(norm.isf(level / 2) * self.linear_error + single * self.quadratic_error)


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
        return CumulantGap(0.0, 0.0, 0.0)
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


@dataclass(frozen=True)
class ModulusCorrelation:
    """The largest |rank correlation| between moduli of two sources, and what chance reaches."""

    value: float
    quantile: float
    pair: tuple[int, int]


def modulus_correlation(sources: np.ndarray, level: float) -> ModulusCorrelation:
    """Whether recovered sources share their size, which uncorrelated ones still may.

    Parameters
    ----------
    sources
        (n, k); one source alone correlates with nothing, 0.
    level
        Probability that the quantile is exceeded by chance in any pair (Bonferroni; under
        permutation a rank correlation has variance 1/(n - 1) exactly and is nearly normal).
    """
    count, width = sources.shape
    if width == 1:
        return ModulusCorrelation(0.0, 0.0, (0, 0))
    ranks = rankdata(np.abs(sources - np.median(sources, axis=0)), axis=0)
    found = np.abs(np.triu(np.corrcoef(ranks, rowvar=False), 1))
    first, second = np.unravel_index(int(np.argmax(found)), found.shape)
    pairs = width * (width - 1) / 2
    quantile = float(norm.isf(level / (2 * pairs)) / np.sqrt(count - 1))
    return ModulusCorrelation(float(found.max()), quantile, (int(first), int(second)))

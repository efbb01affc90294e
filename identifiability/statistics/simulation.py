"""Error rates of the package's intervals and tests, by simulation from known truths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from identifiability.statistics.bootstrap import Statistic, cluster_bootstrap
from identifiability.statistics.equivalence import tost_p_values, tost_ratio
from identifiability.statistics.interval import Interval
from identifiability.statistics.multiplicity import holm


@dataclass(frozen=True)
class Rate:
    """How often something happened in independent trials."""

    count: int
    trials: int

    @property
    def value(self) -> float:
        """Share of the trials."""
        return self.count / self.trials

    @property
    def error(self) -> float:
        """Monte-Carlo standard error, with one event added so that none seen is not none ever."""
        share = (self.count + 1) / (self.trials + 2)
        return float(np.sqrt(share * (1 - share) / self.trials))


@dataclass(frozen=True)
class Population:
    """Clusters of known law, the statistic taken of them, and its true value."""

    name: str
    draw: Callable[[np.random.Generator, int], np.ndarray]
    statistic: Statistic
    truth: float
    positive: bool


def _mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=1)


def _ratio(x: np.ndarray) -> np.ndarray:
    return x[..., 0].mean(axis=1) / x[..., 1].mean(axis=1)


def _log_ratio(x: np.ndarray) -> np.ndarray:
    return np.log(_ratio(x))


def _paired_lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, 2) of equal means, sigma 1, logs correlated at 0.8 as two arms of one prompt are."""
    first, other = rng.standard_normal((2, n))
    return np.exp(np.stack([first, 0.8 * first + 0.6 * other], axis=1))


def _lognormal(sigma: float) -> Population:
    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.exp(sigma * rng.standard_normal(n) - sigma**2 / 2)

    return Population(f"lognormal, sigma {sigma:g}", draw, _mean, 1.0, positive=True)


def _gamma(shape: float) -> Population:
    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.gamma(shape, 1 / shape, n)

    return Population(f"gamma, shape {shape:g}", draw, _mean, 1.0, positive=True)


POPULATIONS = (
    Population("normal", lambda rng, n: rng.standard_normal(n), _mean, 0.0, positive=False),
    Population(
        "difference of lognormals",
        lambda rng, n: rng.lognormal(size=n) - rng.lognormal(size=n),
        _mean,
        0.0,
        positive=False,
    ),
    Population(
        "exponential less 1", lambda rng, n: rng.exponential(size=n) - 1, _mean, 0.0, positive=False
    ),
    _lognormal(0.5),
    _lognormal(1.0),
    _lognormal(1.5),
    _gamma(0.5),
    _gamma(1.0),
    _gamma(4.0),
    Population("ratio of paired lognormals", _paired_lognormal, _ratio, 1.0, positive=True),
    Population("its logarithm", _paired_lognormal, _log_ratio, 0.0, positive=False),
)
"""Quantities of the kinds that claims measure. Positive ones (divergences) are skewed, more so
the further a few prompts lead; lognormal clusters of sigma 1.5 are worse than any expected."""


@dataclass(frozen=True)
class Misses:
    """Intervals that miss the truth: too high (its low end above), too low, and by how much p."""

    low_end: Rate
    high_end: Rate
    small_p: Rate  # either one-sided p at most SMALL_P
    median_length: float


SMALL_P = 0.001
"""Where Holm's first steps compare in a family of a few dozen."""


def misses(
    population: Population,
    n: int,
    *,
    trials: int,
    rng: np.random.Generator,
    interval: Callable[[Population, np.ndarray, np.random.Generator], Interval] | None = None,
) -> Misses:
    """How often an interval of n clusters misses; by default that of ``cluster_bootstrap``."""
    make = interval or bootstrap_interval
    data, resampling = rng.spawn(2)  # so that methods given the same seed see the same clusters
    found = [make(population, population.draw(data, n), resampling) for _ in range(trials)]
    truth = population.truth
    small = [min(i.p_at_least(truth), i.p_at_most(truth)) <= SMALL_P for i in found]
    return Misses(
        low_end=Rate(sum(i.low > truth for i in found), trials),
        high_end=Rate(sum(i.high < truth for i in found), trials),
        small_p=Rate(sum(small), trials),
        median_length=float(np.median([i.high - i.low for i in found])),
    )


def bootstrap_interval(
    population: Population, clusters: np.ndarray, rng: np.random.Generator
) -> Interval:
    """``cluster_bootstrap`` with 1,000 resamples."""
    return cluster_bootstrap(
        population.statistic,
        [clusters],
        rng=rng,
        resamples=1000,
        positive=population.positive,
    )


def false_equivalence(
    noise: Callable[[np.random.Generator, tuple[int, int]], np.ndarray],
    n: int,
    margin: float,
    *,
    trials: int,
    rng: np.random.Generator,
    alpha: float = 0.05,
) -> tuple[Rate, Rate]:
    """TOST's errors at true differences of -margin and +margin; ``noise`` has mean 0."""
    deviations = noise(rng, (trials, n))
    rates = []
    for truth in (-margin, margin):
        p = tost_p_values(deviations + truth, margin)
        rates.append(Rate(int((p < alpha).sum()), trials))
    return rates[0], rates[1]


def false_ratio_equivalence(
    ratio: float, effect: float, n: int, *, trials: int, rng: np.random.Generator
) -> Rate:
    """Errors of ``tost_ratio`` at a true ratio outside or at the edge of its margin of 0.2.

    Effects of unit deviation on n normal clusters, correlated at 0.8, the reference's mean
    ``effect`` and the arm's ``ratio`` times that.
    """
    mixing = np.linalg.cholesky(np.array([[1.0, 0.8], [0.8, 1.0]]))
    pairs = rng.standard_normal((trials, n, 2)) @ mixing.T + effect * np.array([ratio, 1.0])
    found = [tost_ratio(p[:, 0], p[:, 1], fraction=0.2).equivalent for p in pairs]
    return Rate(sum(found), trials)


def family_wise_error(
    tests: int,
    correlation: float,
    *,
    n: int,
    true_nulls: int,
    trials: int,
    rng: np.random.Generator,
    alpha: float = 0.05,
    adjust: Callable[[np.ndarray], np.ndarray] = holm,
) -> Rate:
    """How often any true null of a family of one-sided t tests is rejected.

    The tests share n clusters and a common factor: each two are correlated by ``correlation``. The
    null hypotheses beyond the first ``true_nulls`` are false by two standard deviations.
    """
    effect = np.where(np.arange(tests) < true_nulls, 0.0, 2.0)
    errors = 0
    for _ in range(trials):
        common, own = rng.standard_normal((n, 1)), rng.standard_normal((n, tests))
        x = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own + effect
        t = x.mean(axis=0) / x.std(axis=0, ddof=1) * np.sqrt(n)
        adjusted = adjust(stdtr(n - 1, -t))
        errors += bool((adjusted[:true_nulls] <= alpha).any())
    return Rate(errors, trials)

"""The table of error rates behind the intervals and tests: ``python -m``, ``--out FILE.md``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.special import stdtrit

from identifiability.statistics.bootstrap import jackknife_errors
from identifiability.statistics.interval import Interval
from identifiability.statistics.multiplicity import holm
from identifiability.statistics.simulation import (
    POPULATIONS,
    SMALL_P,
    Population,
    Rate,
    bootstrap_interval,
    false_equivalence,
    false_ratio_equivalence,
    family_wise_error,
    misses,
)

CLUSTERS = (8, 12, 20, 40)


def t_interval(population: Population, clusters: np.ndarray, rng: np.random.Generator) -> Interval:
    """Jackknife error and t quantiles; on the log scale where positive."""
    whole = [clusters[None]]
    estimate = float(population.statistic(*whole)[0])
    reach = float(stdtrit(len(clusters) - 1, 0.975)) * float(
        jackknife_errors(population.statistic, whole)[0]
    )
    if population.positive:
        factor = float(np.exp(reach / estimate))
        low, high = estimate / factor, estimate * factor
    else:
        low, high = estimate - reach, estimate + reach
    return Interval(estimate, low, high, 0.95, 0, len(clusters) - 1, population.positive)


def bca_interval(
    population: Population, clusters: np.ndarray, rng: np.random.Generator
) -> Interval:
    """Scipy's bias-corrected and accelerated bootstrap (Efron 1987)."""
    rows = np.arange(len(clusters))

    def statistic(index: np.ndarray, axis: int = -1) -> np.ndarray:
        return population.statistic(clusters[np.atleast_2d(index).astype(int)])

    found = stats.bootstrap((rows,), statistic, n_resamples=1000, vectorized=True, rng=rng)
    estimate = float(population.statistic(clusters[None])[0])
    ends = found.confidence_interval
    low, high = float(np.squeeze(ends.low)), float(np.squeeze(ends.high))
    return Interval(estimate, low, high, 0.95, 1000, positive=population.positive)


METHODS = (("here", bootstrap_interval), ("t", t_interval), ("BCa", bca_interval))

NOISES = (
    ("normal", lambda rng, shape: rng.standard_normal(shape)),
    ("difference of lognormals", lambda rng, shape: _unit_difference(rng, shape)),
    ("exponential less 1", lambda rng, shape: rng.exponential(size=shape) - 1),
)
"""Paired differences of mean 0 and variance 1."""


def _unit_difference(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    variance = (np.e - 1) * np.e
    return (rng.lognormal(size=shape) - rng.lognormal(size=shape)) / np.sqrt(2 * variance)


def percent(rate: Rate) -> str:
    """A rate with its Monte-Carlo error."""
    return f"{100 * rate.value:.1f} ± {100 * rate.error:.1f}"


def report(trials: int, rng: np.random.Generator) -> Iterator[str]:
    """Lines of the page; ``trials`` for each interval, ten times that for each test."""
    yield "# Calibration of intervals and tests"
    yield ""
    yield (
        "Simulated from known truths by `python -m identifiability.statistics.calibration`; per "
        "cent, ± one Monte-Carlo standard error. Nothing here has seen a transformer."
    )
    yield ""
    yield from _intervals(trials, rng)
    yield from _equivalence(10 * trials, rng)
    yield from _ratios(trials, rng)
    yield from _families(trials, rng)


def _intervals(trials: int, rng: np.random.Generator) -> Iterator[str]:
    yield "## Nominal 95 % intervals"
    yield ""
    yield (
        f"{trials} trials a cell. Each end is nominally missed by 2.5 %. *t*: jackknife error and "
        "t quantiles, on the log scale where the quantity is positive; *BCa*: scipy's. *Here*: "
        "`cluster_bootstrap`, the farther of the studentised bootstrap's end and the t "
        "interval's; unless positive, no farther than the most extreme resample. Lengths are "
        "medians, relative to *t*. The last column is how often either "
        f"one-sided p-value of *here* is at most {SMALL_P:g} at the truth (nominally "
        f"{200 * SMALL_P:g} %). The method was chosen by its worst end over these populations."
    )
    yield ""
    yield (
        "| clusters | n | truth below the low end: here | t | BCa | truth above the high end: "
        "here | t | BCa | length here / t | BCa / t | small p |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for population in POPULATIONS:
        for n in CLUSTERS:
            seed = int(rng.integers(2**32))
            found = {
                name: misses(
                    population,
                    n,
                    trials=trials,
                    rng=np.random.default_rng(seed),
                    interval=method,
                )
                for name, method in METHODS
            }
            unit = found["t"].median_length
            cells = [
                population.name,
                str(n),
                *(percent(found[name].low_end) for name, _ in METHODS),
                *(percent(found[name].high_end) for name, _ in METHODS),
                f"{found['here'].median_length / unit:.2f}",
                f"{found['BCa'].median_length / unit:.2f}",
                percent(found["here"].small_p),
            ]
            yield f"| {' | '.join(cells)} |"
    yield ""


def _equivalence(trials: int, rng: np.random.Generator) -> Iterator[str]:
    yield "## TOST at level 5 %: differences at the margin called equivalent"
    yield ""
    yield f"{trials} trials a cell; margins in standard deviations of the paired differences."
    yield ""
    yield "| clusters | n | margin | difference −margin | difference +margin |"
    yield "|---|---|---|---|---|"
    for name, noise in NOISES:
        for n in CLUSTERS:
            for margin in (0.5, 1.0):
                rates = false_equivalence(noise, n, margin, trials=trials, rng=rng)
                yield f"| {name} | {n} | {margin:g} | {' | '.join(map(percent, rates))} |"
    yield ""


def _ratios(trials: int, rng: np.random.Generator) -> Iterator[str]:
    yield "## TOST of a ratio of effects, within 20 % of the reference, level 5 %"
    yield ""
    yield (
        f"{trials} trials a cell; normal clusters, arm and reference correlated at 0.8; the "
        "reference's effect in standard deviations between clusters."
    )
    yield ""
    yield "| n | reference's effect | true ratio 0.8 | true ratio 1.2 | true ratio 0 |"
    yield "|---|---|---|---|---|"
    for n in CLUSTERS:
        for effect in (0.0, 0.5, 2.0, 5.0):
            rates = [
                false_ratio_equivalence(ratio, effect, n, trials=trials, rng=rng)
                for ratio in (0.8, 1.2, 0.0)
            ]
            yield f"| {n} | {effect:g} | {' | '.join(map(percent, rates))} |"
    yield ""


def _families(trials: int, rng: np.random.Generator) -> Iterator[str]:
    yield "## Holm at level 5 %: families in which any true null is rejected"
    yield ""
    yield f"{trials} families a cell, of one-sided t tests on 20 shared clusters."
    yield ""
    yield "| tests | true nulls | correlation | any true null rejected | uncorrected |"
    yield "|---|---|---|---|---|"
    for tests, true_nulls in ((10, 10), (100, 100), (100, 50)):
        for correlation in (0.0, 0.5, 0.9):
            rates = [
                family_wise_error(
                    tests,
                    correlation,
                    n=20,
                    true_nulls=true_nulls,
                    trials=trials,
                    rng=rng,
                    adjust=adjust,
                )
                for adjust in (holm, np.asarray)
            ]
            cells = " | ".join(map(percent, rates))
            yield f"| {tests} | {true_nulls} | {correlation:g} | {cells} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m identifiability.statistics.calibration")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--trials", type=int, default=1000, help="for each interval")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    lines = report(given.trials, np.random.default_rng(given.seed))
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

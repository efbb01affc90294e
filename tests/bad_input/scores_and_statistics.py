"""Metrics, statistics and toy models."""

from __future__ import annotations

import numpy as np

from identifiability.metrics import amari_distance, mcc_codes, mcc_directions, principal_angles
from identifiability.statistics import (
    NoReferenceEffect,
    cluster_bootstrap,
    effect_ratio,
    effect_size,
    holm,
    power,
    samples_needed,
    tost,
    tost_ratio,
)
from tests.bad_input.case import Answered, Refused
from toy_models import AffineReadout, LinearMixing

EYE = np.eye(2)
CODES = np.random.default_rng(0).laplace(size=(50, 2))
SCORES = [1.0, 2.0, 3.0, 4.0]


def rng():
    return np.random.default_rng(0)


def mean(values):
    return values.mean(axis=1)


def interval(samples, **options):
    return cluster_bootstrap(mean, samples, rng=rng(), **options)


REFUSED = (
    Refused("codes of two shapes", lambda _: mcc_codes(CODES, CODES[:, :1]), "both be (n, k)"),
    Refused("a constant code", lambda _: mcc_codes(0 * CODES, CODES), "no constant column"),
    Refused("one sample", lambda _: mcc_codes(CODES[:1], CODES[:1]), "no constant column"),
    Refused("no samples", lambda _: mcc_codes(CODES[:0], CODES[:0]), "it is empty"),
    Refused("codes with NaN", lambda _: mcc_codes(np.nan * CODES, CODES), "must be finite"),
    Refused("codes at 1e300", lambda _: mcc_codes(1e300 * CODES, CODES), "another unit"),
    Refused("codes at 1e-300", lambda _: mcc_codes(1e-300 * CODES, CODES), "another unit"),
    Refused("no draws", lambda _: mcc_codes(CODES, CODES, draws=0), "draws must be an integer"),
    Refused("a negative seed", lambda _: mcc_codes(CODES, CODES, seed=-1), "seed must be"),
    Refused("a zero direction", lambda _: mcc_directions(0 * EYE, EYE), "zero has no direction"),
    Refused("directions of 1 axis", lambda _: mcc_directions([1.0], [1.0]), "must be (d, k)"),
    Refused("half a draw", lambda _: mcc_directions(EYE, EYE, draws=0.5), "draws must be"),
    Refused("mixing of one column", lambda _: amari_distance([[1.0]], [[1.0]]), "two or more"),
    Refused("dependent columns", lambda _: amari_distance(np.ones((2, 2)), EYE), "same subspace"),
    Refused("angles of two widths", lambda _: principal_angles(EYE, np.eye(3)), "one width"),
    Refused("angles of no space", lambda _: principal_angles(0 * EYE, EYE), "a basis of the space"),
    Refused(
        "angles of a space given twice over",
        lambda _: principal_angles(np.ones((3, 2)), np.eye(3)),
        "linearly independent",
    ),
    Refused("one cluster", lambda _: tost([1.0], 1.0), "at least two clusters"),
    Refused("no cluster", lambda _: tost([], 1.0), "at least two clusters"),
    Refused("differences with NaN", lambda _: tost([1.0, np.nan], 1.0), "must be finite"),
    Refused("differences as text", lambda _: tost(["1", "2"], 1.0), "an array of numbers"),
    Refused("complex differences", lambda _: tost([1j, 2j], 1.0), "real numbers"),
    Refused("unequal clusters", lambda _: tost([[1.0], [1.0, 2.0]], 1.0), "equal length"),
    Refused("differences at 1e300", lambda _: tost([1e300, -1e300], 1.0), "another unit"),
    Refused("margin of 0", lambda _: tost(SCORES, 0.0), "margin must be positive"),
    Refused("margin NaN", lambda _: tost(SCORES, np.nan), "margin must be positive"),
    Refused("margin as text", lambda _: tost(SCORES, "1"), "margin must be positive"),
    Refused("alpha of 1", lambda _: tost(SCORES, 1.0, alpha=1.0), "0.05 is usual"),
    Refused("alpha as text", lambda _: tost(SCORES, 1.0, alpha="5 %"), "0.05 is usual"),
    Refused("a fraction of 2", lambda _: tost_ratio(SCORES, SCORES, fraction=2.0), "0.2 is usual"),
    Refused(
        "arms of two lengths",
        lambda _: effect_size(SCORES, SCORES[:3], rng=rng()),
        "keep the prompts that every arm has",
    ),
    Refused(
        "an arm of three axes",
        lambda _: effect_size(np.ones((2, 2, 2)), SCORES, rng=rng()),
        "(n,) or (n, samples)",
    ),
    Refused(
        "a ratio to no effect",
        lambda _: effect_ratio(SCORES, [1.0, -1.0, 1.0, -1.0], [0.0] * 4, rng=rng()),
        "take a stronger reference",
        NoReferenceEffect,
    ),
    Refused("no samples to resample", lambda _: interval([]), "a list of arrays"),
    Refused("samples without columns", lambda _: interval([np.ones((3, 0))]), "not be empty"),
    Refused("no resamples", lambda _: interval([SCORES], resamples=0), "resamples must be"),
    Refused("a level of 95", lambda _: interval([SCORES], level=95), "0.95 is usual"),
    Refused(
        "a positive quantity that is negative",
        lambda _: interval([[-1.0, -2.0]], positive=True),
        "leave out positive=True",
    ),
    Refused("no p-values", lambda _: holm([]), "one for each hypothesis"),
    Refused("a p-value of 2", lambda _: holm([0.5, 2.0]), "p-values must be in [0, 1]"),
    Refused("a p-value NaN", lambda _: holm([np.nan]), "p-values must be in [0, 1]"),
    Refused("a p-value None", lambda _: holm([None]), "p-values must be numbers"),
    Refused("power of one cluster", lambda _: power(1, deviation=1.0), "add prompts"),
    Refused("power of half a cluster", lambda _: power(2.5, deviation=1.0), "add prompts"),
    Refused("no deviation", lambda _: power(5, deviation=0.0), "deviation must be positive"),
    Refused("samples for no effect", lambda _: samples_needed(deviation=1.0), "the smallest"),
    Refused(
        "a toy of rank beyond its width",
        lambda _: AffineReadout(width=3, rank=5).sample(0),
        "a lower rank",
        ValueError,
    ),
    Refused(
        "a toy of an unknown spectrum",
        lambda _: AffineReadout(spectrum="steep").sample(0),
        "spectrum must be one of",
        ValueError,
    ),
    Refused(
        "a toy of no width", lambda _: LinearMixing(width=0).sample(0), "between 1 and", ValueError
    ),
    Refused(
        "a toy of a shape NaN",
        lambda _: LinearMixing(shape=float("nan")).sample(0),
        "shape must be positive",
        ValueError,
    ),
    Refused(
        "a toy of a negative seed", lambda _: LinearMixing().sample(-1), "non-negative", ValueError
    ),
)

ANSWERED = (
    Answered(
        "one code",
        lambda _: mcc_codes(-CODES[:, :1], CODES[:, :1]),
        lambda s: abs(s.value - 1) < 1e-12 and np.isnan(s.normalised),
    ),
    Answered(
        "directions as small as 1e-120 beside others",
        lambda _: mcc_directions(EYE * [1.0, 1e-200], EYE),
        lambda s: abs(s.worst - 1) < 1e-12,
    ),
    Answered(
        "a code as small as 1e-200 beside another",
        lambda _: mcc_codes(CODES * [1.0, 1e-200], CODES),
        lambda s: abs(s.worst - 1) < 1e-9,
    ),
    Answered(
        "a line and itself",
        lambda _: principal_angles([[1.0], [0.0]], [[-2.0], [0.0]]),
        lambda s: s.value < 1e-12,
    ),
    Answered(
        "scores without variation",
        lambda _: effect_size([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], rng=rng()),
        lambda e: (e.difference.estimate, e.standardised) == (1.0, None),
    ),
    Answered("differences of 0", lambda _: tost([0.0, 0.0, 0.0], 1.0), lambda e: e.equivalent),
    Answered("one hypothesis", lambda _: holm([0.03]).tolist(), lambda p: p == [0.03]),
    Answered("p-values 0 and 1", lambda _: holm([0, 1]).tolist(), lambda p: p == [0.0, 1.0]),
    Answered(
        "differences at 1e-130",
        lambda _: tost([1e-130, 2e-130, 3e-130], 1e-120),
        lambda e: e.equivalent and 0 <= e.p < 1e-6,
    ),
    Answered(
        "a toy of width 1",
        lambda _: AffineReadout(width=1, outputs=1, rank=1).sample(0),
        lambda instance: instance.kernel.shape == (1, 0) and abs(instance.jacobian()[0, 0]) == 1,
    ),
)

"""Error rates by simulation, against bounds stated before: quick by default, full where slow.

A rate may exceed its bound by four Monte-Carlo errors at the bound (once in 30,000 by chance). The
bounds on intervals are those of ``cluster_bootstrap``'s docstring; the seeds are not those of
docs/calibration.md.
"""

import numpy as np
import pytest

from identifiability.statistics import simulation
from identifiability.statistics.calibration import NOISES, bca_interval, main, t_interval
from identifiability.statistics.simulation import POPULATIONS, Rate

# Largest share of intervals that miss on either side; nominal 2.5 %.
STATED = {
    "normal": 0.04,
    "difference of lognormals": 0.04,
    "exponential less 1": 0.07,
    "lognormal, sigma 0.5": 0.04,
    "lognormal, sigma 1": 0.065,
    "lognormal, sigma 1.5": 0.11,
    "gamma, shape 0.5": 0.04,
    "gamma, shape 1": 0.04,
    "gamma, shape 4": 0.04,
    "ratio of paired lognormals": 0.04,
    "its logarithm": 0.04,
}
NAMED = {population.name: population for population in POPULATIONS}
FULL = ("normal", "lognormal, sigma 1", "gamma, shape 0.5", "gamma, shape 1")
NORMAL = dict(NOISES)["normal"]


def _allowed(bound, trials):
    return bound + 4 * np.sqrt(bound * (1 - bound) / trials)


def _worst(found):
    return max(found.low_end.value, found.high_end.value)


def _intervals(name, n, trials, interval=None):
    rng = np.random.default_rng([2024, n])
    return simulation.misses(NAMED[name], n, trials=trials, rng=rng, interval=interval)


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("name", STATED)
def test_no_end_misses_more_often_than_stated(name, n):
    assert _worst(_intervals(name, n, 200)) <= _allowed(STATED[name], 200)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 12, 20, 40])
@pytest.mark.parametrize("name", FULL)
def test_no_end_misses_more_often_than_stated_in_4000_samples(name, n):
    assert _worst(_intervals(name, n, 4000)) <= _allowed(STATED[name], 4000)


@pytest.mark.parametrize(("interval", "trials"), [(t_interval, 2000), (bca_interval, 400)])
def test_rivals_do_miss_more_often_than_that(interval, trials):
    """The check can fail, and the choice of method was one."""
    found = _intervals("lognormal, sigma 1.5", 8, trials, interval)
    assert _worst(found) > _allowed(STATED["lognormal, sigma 1.5"], trials)


def test_coverage_is_not_bought_by_endless_intervals():
    """Where t is exact, at most a quarter longer than it."""
    lengths = [_intervals("normal", 12, 200, i).median_length for i in (None, t_interval)]
    assert lengths[0] <= 1.25 * lengths[1]


@pytest.mark.parametrize("name", ["normal", "lognormal, sigma 1", "its logarithm"])
def test_small_p_values_are_rare_at_the_truth(name):
    """At most 0.001 on either side: nominally 0.2 %; 1 % is what skewed clusters may do."""
    assert _intervals(name, 12, 400).small_p.value <= _allowed(0.01, 400)


@pytest.mark.parametrize("trials", [4000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [8, 12, 20, 40])
def test_tost_calls_a_difference_at_the_margin_equivalent_at_most_at_its_level(n, trials):
    rng = np.random.default_rng([7, n])
    for margin in (0.5, 1.0):
        for rate in simulation.false_equivalence(NORMAL, n, margin, trials=trials, rng=rng):
            assert rate.value <= _allowed(0.05, trials)
    # The margin of one deviation is wide enough for the level to be used up.
    assert rate.value >= 0.05 - 4 * np.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize("n", [8, 40])
def test_tost_of_differences_of_skewed_scores_keeps_its_level(n):
    noise = dict(NOISES)["difference of lognormals"]
    rng = np.random.default_rng([8, n])
    for rate in simulation.false_equivalence(noise, n, 0.5, trials=4000, rng=rng):
        assert rate.value <= _allowed(0.05, 4000)


@pytest.mark.parametrize("trials", [400, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("effect", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("n", [8, 20])
def test_tost_of_a_ratio_keeps_its_level(n, effect, trials):
    rng = np.random.default_rng([9, n])
    for ratio in (0.8, 1.2, 0.0):
        rate = simulation.false_ratio_equivalence(ratio, effect, n, trials=trials, rng=rng)
        assert rate.value <= _allowed(0.05, trials)


def test_a_ratio_of_one_is_found_equivalent_where_the_effect_is_large():
    rng = np.random.default_rng(10)
    rate = simulation.false_ratio_equivalence(1.0, 5.0, 20, trials=200, rng=rng)
    assert rate.value > 0.9


@pytest.mark.parametrize("trials", [300, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("tests", "true_nulls"), [(30, 30), (100, 50)])
def test_holm_rejects_any_true_null_at_most_at_its_level(tests, true_nulls, correlation, trials):
    def rate(**adjust):
        return simulation.family_wise_error(
            tests,
            correlation,
            n=20,
            true_nulls=true_nulls,
            trials=trials,
            rng=np.random.default_rng([11, tests]),
            **adjust,
        ).value

    assert rate() <= _allowed(0.05, trials)
    assert rate(adjust=np.asarray) > _allowed(0.05, trials)


def test_the_error_of_a_rate_is_binomial_and_never_zero():
    assert Rate(400, 1600).error == pytest.approx(np.sqrt(0.25 * 0.75 / 1600), rel=1e-2)
    assert Rate(0, 1000).error == pytest.approx(0.001, rel=0.01)


def test_the_command_writes_a_table_with_a_row_for_every_cell(tmp_path):
    page = tmp_path / "calibration.md"
    main(["--out", str(page), "--trials", "2", "--seed", "3"])
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    intervals, tost, ratios, families = 4 * len(POPULATIONS), 2 * 4 * len(NOISES), 16, 9
    assert len(rows) == intervals + tost + ratios + families + 4
    assert sum("±" in row for row in rows) == len(rows) - 4

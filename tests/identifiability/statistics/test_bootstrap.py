"""The cluster bootstrap against closed forms, a loop, and scipy's t interval."""

import numpy as np
import pytest
from scipy import stats

from identifiability.errors import InvalidInput
from identifiability.statistics import cluster_bootstrap
from identifiability.statistics.bootstrap import jackknife_errors, studentise


def _mean(x):
    return x.mean(axis=1)


def _log_ratio(x, y):
    return np.log(x.mean(axis=1) / y.mean(axis=1))


def _pivots(x, rng, resamples):
    """Studentised means of resamples, by the textbook's formula."""
    rows = x[rng.integers(0, len(x), (resamples, len(x)))]
    return (rows.mean(axis=1) - x.mean()) / stats.sem(rows, axis=1)


def test_the_jackknife_error_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(0).exponential(size=(5, 13))
    np.testing.assert_allclose(jackknife_errors(_mean, [x]), stats.sem(x, axis=1), rtol=1e-12)


def test_the_jackknife_error_of_two_sets_of_clusters_adds_their_variances():
    rng = np.random.default_rng(1)
    x, y = 10 + rng.standard_normal((1, 40)), 20 + rng.standard_normal((1, 25))
    expected = np.hypot(stats.sem(x[0]) / x.mean(), stats.sem(y[0]) / y.mean())
    # The delta method is first order in 1/n: relative spreads of 0.1 leave far less than 1 %.
    assert jackknife_errors(_log_ratio, [x, y])[0] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("positive", [False, True])
def test_ends_of_a_skewed_mean_are_those_of_the_textbooks_studentised_bootstrap(positive):
    x = np.random.default_rng(2).exponential(size=15)
    ours = cluster_bootstrap(
        _mean, [x], rng=np.random.default_rng(3), resamples=20_000, positive=positive
    )
    first, last = np.quantile(_pivots(x, np.random.default_rng(4), 20_000), [0.025, 0.975])
    error, t = stats.sem(x), stats.t.ppf(0.975, 14)
    assert -first > t > last  # the bootstrap is the farther above, t below
    high = x.mean() - first * error
    if positive:
        high = x.mean() * np.exp(-first * error / x.mean())
    # Quantiles of 20,000 draws: the 2.5 % one is known to about 2 %.
    assert np.log((ours.high - x.mean()) / (high - x.mean())) == pytest.approx(0, abs=0.1)
    assert ours.low == pytest.approx(x.mean() - t * error)


def test_the_interval_is_never_within_the_t_interval_unless_no_resample_is_so_far():
    rng = np.random.default_rng(5)
    for _ in range(20):
        x = rng.standard_normal(10)
        ours = cluster_bootstrap(_mean, [x], rng=rng)
        theirs = stats.ttest_1samp(x, 0).confidence_interval(0.95)
        assert ours.low <= theirs.low + 1e-12
        assert ours.high >= theirs.high - 1e-12


def test_one_cluster_of_a_different_kind_does_not_put_an_end_at_infinity():
    """A third of the resamples of 11 ones and a zero are all ones: their own error is 0."""
    scores = np.append(np.ones(11), 0.0)
    found = cluster_bootstrap(_mean, [scores], rng=np.random.default_rng(6))
    assert 0 <= found.low < found.estimate < found.high <= 1


def test_a_bounded_score_has_an_interval_within_its_bounds():
    rng = np.random.default_rng(7)
    for _ in range(20):
        scores = rng.beta(8, 0.3, 12)
        found = cluster_bootstrap(_mean, [scores], rng=rng, resamples=300)
        assert scores.min() <= found.low <= found.estimate <= found.high <= scores.max()


def test_clusters_stay_whole():
    """Ten prompts of a hundred identical samples are ten observations, not a thousand."""
    rng = np.random.default_rng(1)
    prompts = rng.standard_normal(10)
    repeated = np.repeat(prompts[:, None], 100, axis=1)
    whole = cluster_bootstrap(lambda x: x.mean(axis=(1, 2)), [repeated], rng=rng)
    single = cluster_bootstrap(_mean, [prompts], rng=rng)
    split = cluster_bootstrap(_mean, [repeated.ravel()], rng=rng, resamples=200)
    assert whole.high - whole.low == pytest.approx(single.high - single.low, rel=0.15)
    assert split.high - split.low < 0.2 * (single.high - single.low)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_sample_has_a_degenerate_interval(positive, value):
    interval = cluster_bootstrap(
        _mean, [np.full(5, value)], rng=np.random.default_rng(0), positive=positive
    )
    assert (interval.low, interval.estimate, interval.high) == (value, value, value)


def test_the_interval_scales_with_the_unit():
    x = np.random.default_rng(8).lognormal(size=12)
    for positive in (False, True):
        plain, scaled = (
            cluster_bootstrap(_mean, [c * x], rng=np.random.default_rng(0), positive=positive)
            for c in (1.0, 1e-9)
        )
        assert scaled.low == pytest.approx(1e-9 * plain.low)
        assert scaled.high == pytest.approx(1e-9 * plain.high)


@pytest.mark.parametrize(
    ("sample", "positive", "sentence"),
    [
        (np.array([1.0]), False, "at least two clusters"),
        (np.array(1.0), False, "at least two clusters"),
        (np.array([1.0, np.nan]), False, "must be finite"),
        (np.array([-1.0, 0.5]), True, "positive quantity was estimated at -0.25"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(sample, positive, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        cluster_bootstrap(_mean, [sample], rng=np.random.default_rng(0), positive=positive)


def test_clusters_that_are_all_alike_have_no_error():
    found = studentise(
        lambda x: x.mean(axis=1),
        [np.full(6, 2.5)],
        rng=np.random.default_rng(0),
        resamples=100,
        level=0.95,
    )
    assert (found.estimate, found.least, found.most, found.degrees) == (2.5, 2.5, 2.5, 2.5)
    assert (found.error, found.below, found.above) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.5, "a", None])
def test_a_level_is_a_number_between_0_and_1(level):
    with pytest.raises(
        InvalidInput, match=r"level must be between 0 and 1, got .*; 0\.95 is usual"
    ):
        cluster_bootstrap(_mean, [np.arange(5.0)], rng=np.random.default_rng(0), level=level)

"""Covariances from environments: the columns, what is checked before, and what is announced."""

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import eigh

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation, SignedPermutation
from identifiability.metrics import mcc_directions
from identifiability.recovery.covariance import CovarianceRecovery
from identifiability.recovery.covariance_conditions import components

MIXING = np.array([[1.0, 0.5, -0.3], [0.2, 1.0, 0.4], [-0.5, 0.3, 1.0]])
DISTINCT = np.array([[1.0, 6.0], [2.0, 2.0], [1.0, 0.2]])
PROPORTIONAL = np.array([[1.0, 3.0], [2.0, 6.0], [1.0, 0.2]])


def _states(profiles, samples=15_000, seed=0, mixing=MIXING, law="standard_normal"):
    rng = np.random.default_rng(seed)
    shape = (samples, len(profiles))
    return [getattr(rng, law)(size=shape) * np.sqrt(p) @ mixing.T for p in profiles.T]


def _named(fitted):
    return {condition.name: condition for condition in fitted.conditions_}


def test_columns_of_gaussian_sources_come_back_in_order_and_in_standard_deviations():
    fitted = CovarianceRecovery().fit(_states(DISTINCT))
    scaled = MIXING * np.sqrt(DISTINCT.mean(axis=1))  # profiles were given in order
    signs = np.sign(np.sum(fitted.mixing_ * scaled, axis=0))
    np.testing.assert_allclose(fitted.mixing_ * signs, scaled, atol=0.1)
    np.testing.assert_allclose(np.linalg.norm(fitted.directions_, axis=0), 1.0)
    lengths = np.linalg.norm(fitted.mixing_, axis=0)
    np.testing.assert_allclose(fitted.directions_ * lengths, fitted.mixing_)
    np.testing.assert_allclose(fitted.profiles_.mean(axis=1), 1.0)
    assert fitted.prediction_.recovers
    assert fitted.gauge_ == SignedPermutation(3)
    assert fitted.report_.verdict == "globally_identifiable"
    assert fitted.report_.class_dimension == 0
    assert fitted.report_.identified_functionals.shape == (3, 3)
    assert fitted.report_.conditions == tuple(fitted.conditions_)


def test_two_environments_are_the_inverse_transpose_of_generalised_eigenvectors():
    states = _states(DISTINCT, samples=300)
    first, second = (np.cov(x, rowvar=False) for x in states)
    values, vectors = eigh(second, first)
    fitted = CovarianceRecovery().fit(states)
    expected = np.linalg.inv(vectors.T)[:, ::-1]
    assert mcc_directions(fitted.directions_, expected, draws=1).worst > 1 - 1e-10
    found = fitted.profiles_[:, 1] / fitted.profiles_[:, 0]
    np.testing.assert_allclose(found, values[::-1])


def test_errors_of_columns_are_those_stated():
    """60 fits, 6 numbers each: the mean square of error over leakage, to 4 sqrt(2/360) = 0.30."""
    squares = []
    truth = MIXING * np.sqrt(DISTINCT.mean(axis=1))
    for seed in range(60):
        fitted = CovarianceRecovery().fit(_states(DISTINCT, samples=2000, seed=seed))
        gain = np.linalg.solve(truth, fitted.mixing_)
        off = ~np.eye(3, dtype=bool)
        squares.append(((gain / np.diag(gain))[off] / fitted.leakage_[off]) ** 2)
    assert np.mean(squares) == pytest.approx(1.0, abs=0.3)


def test_proportional_profiles_are_announced_with_their_plane_and_a_witness():
    states = _states(PROPORTIONAL)
    fitted = CovarianceRecovery().fit(states)
    condition = _named(fitted)["distinct profiles"]
    assert condition.holds is False
    assert condition.interval[0] == 0
    assert condition.statistic < condition.interval[1] < condition.threshold
    assert fitted.prediction_.recovers is False
    assert fitted.prediction_.affected == ((0, 1),)
    assert fitted.prediction_.failure_mode == "rotation within columns (0, 1)"
    assert fitted.gauge_ == Rotation(3, ((0, 1),))
    assert fitted.report_.verdict == "epsilon_non_identifiable"
    assert fitted.report_.class_dimension == 1
    # The third column is right, and the other two span the right plane.
    truth = np.linalg.solve(MIXING * np.sqrt(PROPORTIONAL.mean(axis=1)), fitted.mixing_)
    assert np.abs(truth[2, :2]).max() < 0.05
    assert np.abs(truth[:2, 2]).max() < 0.05
    # The witness lies in that plane and costs next to nothing: below 1/n nats a sample.
    witness = fitted.report_.witness
    inside = np.linalg.lstsq(fitted.mixing_[:, :2], witness.vector, rcond=None)[0]
    np.testing.assert_allclose(fitted.mixing_[:, :2] @ inside, witness.vector, atol=1e-10)
    assert witness.distance > 0.1
    assert 0 <= witness.output_difference < 1 / 1500
    # Only the amount of the third source is a number that the covariances pin down.
    (row,) = fitted.report_.identified_functionals
    assert np.abs(row @ MIXING[:, :2]).max() < 0.05


def test_every_turn_in_the_announced_gauge_keeps_the_covariances():
    states = _states(PROPORTIONAL)
    fitted = CovarianceRecovery().fit(states)
    turned = fitted.gauge_.act(fitted.gauge_.random(np.random.default_rng(1)), fitted.mixing_)
    for e, x in enumerate(states):
        kept = fitted.mixing_ * fitted.profiles_[:, e] @ fitted.mixing_.T
        found = turned * fitted.profiles_[:, e] @ turned.T
        np.testing.assert_allclose(kept, np.cov(x, rowvar=False), atol=1e-9)
        np.testing.assert_allclose(found, kept, atol=0.05 * np.abs(kept).max())


def test_a_third_environment_tells_apart_what_two_cannot():
    profiles = np.hstack([PROPORTIONAL, [[4.0], [1.0], [1.0]]])
    fitted = CovarianceRecovery().fit(_states(profiles))
    assert fitted.prediction_.recovers
    assert mcc_directions(fitted.directions_, MIXING).worst > 0.999
    assert _named(fitted)["common diagonaliser"].holds


def test_few_samples_leave_a_small_difference_undecided():
    profiles = np.array([[1.0, 1.0], [1.0, 1.3], [1.0, 20.0]])
    fitted = CovarianceRecovery().fit(_states(profiles, samples=300))
    condition = _named(fitted)["distinct profiles"]
    low, high = condition.interval
    assert condition.holds is None
    assert low < condition.threshold < high
    assert fitted.prediction_.recovers is None
    assert fitted.report_.verdict == "undetermined"
    assert fitted.report_.class_dimension is None
    assert fitted.report_.witness is None


def test_correlated_sources_are_refused_from_three_environments_on():
    profiles = np.array([[1.0, 3.0, 0.5], [1.0, 0.3, 2.0], [1.0, 1.0, 1.0]])
    states = _states(profiles)
    rng = np.random.default_rng(5)
    shared = np.outer(rng.standard_normal(15_000), MIXING[:, 0] + MIXING[:, 1])
    assert CovarianceRecovery().fit(states).prediction_.recovers
    confounded = CovarianceRecovery().fit([states[0], states[1], states[2] + shared])
    condition = _named(confounded)["common diagonaliser"]
    assert condition.holds is False
    assert condition.statistic > condition.threshold
    assert confounded.prediction_.recovers is False
    assert "no basis diagonalises" in confounded.prediction_.failure_mode
    assert confounded.report_.verdict == "undetermined"
    assert confounded.report_.identified_functionals.shape == (0, 3)
    unseen = CovarianceRecovery().fit([states[0], states[2] + shared])
    assert _named(unseen)["common diagonaliser"].holds is None
    assert "add an environment" in _named(unseen)["common diagonaliser"].reason
    for fitted, words in ((unseen, "(not tested)"), (CovarianceRecovery().fit(states), "rejected")):
        assert _named(fitted)["common diagonaliser"].assumed
        statement = fitted.report_.certificate.statement
        assert "under the assumption that one basis diagonalises the covariances" in statement
        assert words in statement
    assert not condition.assumed


def test_few_samples_decide_nothing():
    """Level .001 is exceeded 27-fold at 4 samples of 2 columns, and kept at 20."""
    rng = np.random.default_rng(0)
    for count, decided in ((19, None), (20, True)):
        states = [rng.standard_normal((count, 2)) * scale for scale in ([1, 1], [30, 1])]
        fitted = CovarianceRecovery().fit(states)
        assert _named(fitted)["enough samples"].holds is decided
        assert fitted.prediction_.recovers is decided
    assert CovarianceRecovery().fit([x[:19] for x in states]).report_.verdict == "undetermined"


@pytest.mark.parametrize("law", ["standard_normal", "laplace"])
def test_a_right_model_is_rarely_rejected(law):
    """At level 0.05, 100 fits: more than 15 rejections once in 10 000 (binomial)."""
    profiles = np.exp(np.random.default_rng(1).standard_normal((3, 4)))
    recovery = CovarianceRecovery(level=0.05)
    found = [_named(recovery.fit(_states(profiles, 200, s, law=law))) for s in range(100)]
    assert sum(conditions["common diagonaliser"].holds is False for conditions in found) <= 15


def test_copied_samples_do_not_pass_for_more_of_them():
    """Tokens of a prompt, or rows passed twice: copies leave the interval as it was."""
    states = _states(DISTINCT, samples=400)
    copies = [np.repeat(x, 10, axis=0) for x in states]
    groups = [np.repeat(np.arange(400), 10)] * 2
    widths = []
    for fitted in (
        CovarianceRecovery().fit(states),
        CovarianceRecovery().fit(copies),
        CovarianceRecovery().fit(copies, groups=groups),
    ):
        low, high = _named(fitted)["distinct profiles"].interval
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0], rel=0.15)
    assert widths[2] == pytest.approx(widths[0], rel=0.15)


def test_units_of_states_do_not_matter_to_the_conditions():
    states = _states(DISTINCT, samples=500)
    units = np.array([1e-6, 1.0, 1e4])
    first = CovarianceRecovery().fit(states)
    second = CovarianceRecovery().fit([x * units + 3.0 for x in states])
    np.testing.assert_allclose(second.separations_, first.separations_, atol=1e-6)
    signs = np.sign(np.sum(second.mixing_ / units[:, None] * first.mixing_, axis=0))
    np.testing.assert_allclose(second.mixing_ * signs, first.mixing_ * units[:, None], rtol=1e-4)


def test_stability_names_the_plane_that_turns():
    # Over ten splits a free pair agrees to 0.90, the others to 0.99 and more.
    found = CovarianceRecovery().stability(_states(PROPORTIONAL, samples=4000))
    assert found.unstable_components == (0, 1)
    assert not found.stable
    assert found.agreement.shape == (10, 3)
    plane = np.linalg.qr(MIXING[:, :2])[0]
    assert np.linalg.svd(plane.T @ found.turning)[1].min() > 0.99
    steady = CovarianceRecovery().stability(_states(DISTINCT, samples=4000))
    assert steady.stable
    assert steady.turning.shape == (3, 0)


def test_stability_splits_by_group():
    """Near copies split sample by sample look stable; split by group, or exact ones, do not."""
    copies = [np.repeat(x, 20, axis=0) for x in _states(PROPORTIONAL, samples=100)]
    rng = np.random.default_rng(0)
    near = [x + 1e-6 * rng.standard_normal(x.shape) for x in copies]
    groups = [np.repeat(np.arange(100), 20)] * 2
    assert CovarianceRecovery().stability(near).minimum > 0.97
    assert CovarianceRecovery().stability(near, groups=groups).minimum < 0.95
    assert CovarianceRecovery().stability(copies).minimum < 0.95


def test_one_component_has_nothing_to_be_mixed_with():
    rng = np.random.default_rng(0)
    fitted = CovarianceRecovery().fit([rng.standard_normal((50, 1)) for _ in range(3)])
    assert fitted.prediction_.recovers
    assert np.abs(fitted.directions_).tolist() == [[1.0]]
    assert [c.holds for c in fitted.conditions_] == [True] * 5


def test_integers_are_numbers():
    states = [np.round(10 * x).astype(int) for x in _states(DISTINCT, samples=500)]
    fitted = CovarianceRecovery().fit(states)
    assert mcc_directions(fitted.directions_, MIXING).worst > 0.98


def test_components_are_linked_through_others():
    linked = np.zeros((5, 5), dtype=bool)
    linked[0, 3] = linked[3, 4] = True
    assert components(linked) == ((0, 3, 4),)
    assert components(np.eye(3, dtype=bool)) == ()


GOOD = np.random.default_rng(0).standard_normal((20, 3))


def _spoilt(row, column, value):
    spoilt = GOOD.copy()
    spoilt[row, column] = value
    return spoilt


@pytest.mark.parametrize(
    ("environments", "sentence"),
    [
        (GOOD, r"list of \(n_e, d\) arrays, got one array of shape \(20, 3\)"),
        (GOOD[0], r"got one array of shape \(3,\); split the samples"),
        (sparse.eye_array(3), r"got one array of shape \(3, 3\)"),
        (None, "got NoneType"),
        (3.0, "got float"),
        ("states", "got str"),
        ({"a": GOOD, "b": GOOD}, "got dict"),
        ([], "needs two environments or more, got 0"),
        ([GOOD], "needs two environments or more, got 1"),
        ([GOOD, GOOD[:, :2]], r"one width d, got widths \[2, 3\]"),
        ([GOOD, GOOD[0]], r"environment 1 must be \(n_e, d\), got \(3,\)"),
        ([GOOD, GOOD[:0]], "environment 1 must be .* with at least one entry"),
        ([GOOD, GOOD[:4]], r"environment 1 must have more than d \+ 1 = 4 samples, got 4"),
        ([_spoilt(0, 0, np.nan), GOOD], "environment 0 must be finite, got 1 NaN"),
        ([GOOD, _spoilt(0, 0, np.inf)], "environment 1 must be finite"),
        ([GOOD, GOOD * 1j], "environment 1 must hold real numbers, got dtype complex128"),
        ([GOOD, GOOD.astype(object)], "real numbers, got dtype object"),
        ([GOOD, sparse.csr_array(GOOD)], "environment 1 must be dense, got a sparse matrix"),
        ([GOOD, _spoilt(slice(None), 2, 1.0)], r"no constant column, got \[2\]"),
        ([GOOD, _spoilt(slice(None), 2, GOOD[:, 0])], "positive definite, got rank 2 of 3"),
        # Told apart by rounding to float32 only.
        (
            [GOOD, _spoilt(slice(None), 2, GOOD[:, 0].astype(np.float32) + 1e-7 * GOOD[:, 1])],
            "positive definite, got rank 2 of 3",
        ),
        (
            [GOOD @ MIXING.astype(np.float32)[:, [0, 0, 1]], GOOD],
            "environment 0 must be positive definite, got rank 2 of 3; project all environments",
        ),
    ],
)
def test_bad_input_is_one_sentence(environments, sentence):
    for call in (CovarianceRecovery().fit, CovarianceRecovery().stability):
        with pytest.raises(InvalidInput, match=sentence) as raised:
            call(environments)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        (3, "groups must be a list with one array for each environment, got int"),
        ([np.arange(20)], "one array for each of the 2 environments, got 1"),
        ([np.arange(20), np.arange(19)], "one label for each of the 20 samples"),
        ([np.arange(20), np.zeros(20)], "at least two groups, got 1"),
    ],
)
def test_groups_must_fit(groups, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        CovarianceRecovery().fit([GOOD, GOOD + 1.0], groups=groups)


def test_halves_must_be_large_enough():
    few = [GOOD[:8], GOOD]
    with pytest.raises(InvalidInput, match="got 4 in the smaller half of environment 0"):
        CovarianceRecovery().stability(few)
    lopsided = [np.r_[np.zeros(18), 1, 2].astype(int)] * 2
    with pytest.raises(InvalidInput, match="got 1 in the smaller half"):
        CovarianceRecovery().stability([GOOD, GOOD], groups=lopsided)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"margin": 0.0}, r"margin must lie in \(0, inf\), got 0.0; 0.2 is usual"),
        ({"margin": np.inf}, r"margin must lie in \(0, inf\)"),
        ({"level": 0.0}, r"level must lie in \(0, 0.5\)"),
        ({"level": float("nan")}, r"level must lie in \(0, 0.5\)"),
    ],
)
def test_parameters_out_of_range_are_refused_by_fit(parameters, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        CovarianceRecovery(**parameters).fit([GOOD, GOOD])
    with pytest.raises(InvalidInput, match=sentence):
        CovarianceRecovery(**parameters).stability([GOOD, GOOD])

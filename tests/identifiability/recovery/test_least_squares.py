"""Least squares: the row-space part to rounding, no word on the kernel, honest conditions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError

from identifiability import JacobianOperator, exact_rank
from identifiability.errors import InvalidInput
from identifiability.recovery import LeastSquaresRecovery

seeds = st.integers(0, 2**32 - 1)


def _system(seed, rows, width, rank, decades=3.0):
    """J with exact kernel by construction, its kernel basis, and v = a + b."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((width, width)))[0]
    left = np.linalg.qr(rng.standard_normal((rows, rank)))[0]
    singular = 10 ** -np.sort(rng.uniform(0, decades, rank))
    jacobian = (left * singular) @ basis[:, :rank].T
    vector = rng.standard_normal(width)
    kernel = basis[:, rank:]
    return jacobian, kernel, vector, vector - kernel @ (kernel.T @ vector)


def _named(fitted):
    return {condition.name: condition for condition in fitted.conditions_}


@st.composite
def systems(draw):
    width, rows = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    rank = draw(st.integers(1, min(width, rows)))
    return _system(draw(seeds), rows, width, rank)


@given(systems())
@settings(max_examples=150, deadline=None)
def test_row_space_part_to_1e_8_and_nothing_of_the_kernel_part(system):
    jacobian, kernel, vector, seen = system
    # The product below rounds at the size of v, of which the response may show little.
    rounding = 20 * np.finfo(float).eps * np.linalg.norm(jacobian) * np.linalg.norm(vector)
    recovery = LeastSquaresRecovery(affine=True, response_error=rounding)
    fitted = recovery.fit(jacobian, jacobian @ vector)
    assert np.linalg.norm(fitted.vector_ - seen) <= 1e-8 * np.linalg.norm(seen)
    np.testing.assert_allclose(kernel.T @ fitted.vector_, 0, atol=1e-9)
    np.testing.assert_allclose(fitted.kernel_ @ fitted.kernel_.T, kernel @ kernel.T, atol=1e-9)
    whole = kernel.shape[1] == 0
    assert [c.name for c in fitted.conditions_] == ["gap", "full rank", "consistent response"]
    assert [c.holds for c in fitted.conditions_] == [True, whole, True]
    exact = int(exact_rank(jacobian)) == jacobian.shape[1] - kernel.shape[1]
    hidden = "non_identifiable" if exact else "epsilon_non_identifiable"
    expected = "globally_identifiable" if whole else hidden
    assert fitted.report_.verdict == expected
    assert fitted.report_.class_dimension == kernel.shape[1]
    assert fitted.report_.conditions == tuple(fitted.conditions_)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_against_the_pseudo_inverse_over_the_rationals(seed):
    """sympy's exact J^+ of an integer matrix of rank 2."""
    import sympy as sp

    rng = np.random.default_rng(seed)
    left, right = rng.integers(-3, 4, (4, 2)), rng.integers(-3, 4, (2, 3))
    jacobian = np.vstack([left @ right, right])  # the last rows keep the rank at that of `right`
    response = jacobian @ rng.integers(-5, 6, 3)
    exact = sp.Matrix(jacobian.tolist()).pinv() * sp.Matrix(response.tolist())
    expected = [float(Fraction(str(x))) for x in exact]
    fitted = LeastSquaresRecovery().fit(jacobian, response)
    np.testing.assert_allclose(fitted.vector_, expected, atol=1e-12)


@given(systems(), st.floats(-9, -5), seeds)
@settings(max_examples=150, deadline=None)
def test_the_gap_statistic_bounds_the_error_that_an_error_of_j_causes(system, magnitude, seed):
    """Whatever the perturbation, within the stated norm: solution and null space (R5)."""
    jacobian, kernel, vector, seen = system
    error = np.random.default_rng(seed).standard_normal(jacobian.shape)
    size = 10.0**magnitude
    error *= size / np.linalg.norm(error, 2)
    recovery = LeastSquaresRecovery(jacobian_error=size, accuracy=0.1)
    fitted = recovery.fit(jacobian + error, jacobian @ vector)
    bound = _named(fitted)["gap"].statistic
    assert bound >= 2 * size
    if _named(fitted)["gap"].holds:
        assert fitted.kernel_.shape == kernel.shape
        assert np.linalg.norm(fitted.vector_ - seen) <= bound * np.linalg.norm(seen)
        turned = np.linalg.norm(fitted.kernel_ - kernel @ (kernel.T @ fitted.kernel_), 2)
        assert turned <= bound
        assert _named(fitted)["consistent response"].holds


@given(systems(), st.floats(0.01, 100), seeds)
@settings(max_examples=50, deadline=None)
def test_equivariance(system, factor, seed):
    """Scaling the response scales v; the order of rows does not matter."""
    jacobian, _, vector, _ = system
    response = jacobian @ vector
    order = np.random.default_rng(seed).permutation(len(jacobian))
    fitted = LeastSquaresRecovery().fit(jacobian, response)
    scaled = LeastSquaresRecovery().fit(jacobian, factor * response)
    shuffled = LeastSquaresRecovery().fit(jacobian[order], response[order])
    atol = 1e-9 * np.linalg.norm(vector)
    np.testing.assert_allclose(scaled.vector_, factor * fitted.vector_, atol=factor * atol)
    np.testing.assert_allclose(shuffled.vector_, fitted.vector_, atol=atol)


def test_an_operator_is_as_good_as_an_array():
    jacobian, _, vector, _ = _system(0, 5, 4, 3)
    weights = torch.from_numpy(jacobian)
    operator = JacobianOperator(lambda h: weights @ h, torch.zeros(4, dtype=torch.float64))
    by_operator = LeastSquaresRecovery().fit(operator, jacobian @ vector)
    by_array = LeastSquaresRecovery().fit(jacobian, jacobian @ vector)
    np.testing.assert_allclose(by_operator.vector_, by_array.vector_, atol=1e-13)


def test_a_symmetric_jacobian_is_no_metric():
    fitted = LeastSquaresRecovery().fit(np.diag([1.0, -1.0]), [1.0, 2.0])
    np.testing.assert_allclose(fitted.vector_, [1.0, -2.0])


def test_small_singular_values_keep_their_digits():
    """A condition number of 1e5 costs five digits of sixteen, not ten."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((9, 4)))[0] for _ in range(2))
    jacobian = (left * np.logspace(0, -5, 4)) @ right.T
    seen = right @ np.ones(4)
    fitted = LeastSquaresRecovery().fit(jacobian, jacobian @ seen)
    assert _named(fitted)["gap"].holds
    assert np.linalg.norm(fitted.vector_ - seen) < 1e-10


def test_inconsistent_responses_are_reported_and_decide_nothing():
    jacobian, _, vector, seen = _system(1, 8, 4, 3)
    beyond = np.linalg.svd(jacobian)[0][:, -1]  # orthogonal to col(J)
    response = jacobian @ vector
    size = np.linalg.norm(response)
    fitted = LeastSquaresRecovery(affine=True).fit(jacobian, response + 1e-6 * size * beyond)
    condition = _named(fitted)["consistent response"]
    assert condition.holds is False
    assert condition.statistic == pytest.approx(1e-6, rel=1e-4)
    assert fitted.report_.verdict == "undetermined"
    assert fitted.report_.class_dimension is None
    assert fitted.report_.witness is None
    np.testing.assert_allclose(fitted.vector_, seen, atol=1e-9)
    stated = LeastSquaresRecovery(response_error=1e-6 * size)
    stated.fit(jacobian, response + 0.99e-6 * size * beyond)
    assert _named(stated)["consistent response"].holds


def test_consistency_allows_for_an_estimate_shorter_than_the_truth():
    """An error of J across col(J) shrinks the estimate, and with it ||E|| ||estimate||."""
    recovery = LeastSquaresRecovery(jacobian_error=0.04, accuracy=0.1)
    fitted = recovery.fit([[1.0], [0.04]], [1.0, 0.0])  # exact J = (1, 0)
    condition = _named(fitted)["consistent response"]
    assert condition.holds
    assert condition.statistic > 0.04 * fitted.vector_[0]


def test_a_response_error_moves_the_estimate_by_at_most_itself_over_the_last_value():
    jacobian, _, vector, seen = _system(2, 8, 4, 3)
    smallest = np.linalg.svd(jacobian, compute_uv=False)[2]
    noise = 1e-3 * np.linalg.svd(jacobian)[0][:, 2]
    fitted = LeastSquaresRecovery(response_error=1e-3).fit(jacobian, jacobian @ vector + noise)
    moved = np.linalg.norm(fitted.vector_ - seen)
    assert moved == pytest.approx(1e-3 / smallest, rel=1e-6)


def test_with_as_many_rows_as_rank_consistency_says_that_it_tests_nothing():
    fitted = LeastSquaresRecovery().fit([[1.0, 2.0, 3.0]], [5.0])
    condition = _named(fitted)["consistent response"]
    assert condition.holds
    assert "nothing is tested" in condition.reason


def test_a_spectrum_that_runs_through_the_floor_is_undetermined():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((9, 9)))[0] for _ in range(2))
    jacobian = (left * np.logspace(0, -24, 9)) @ right.T
    fitted = LeastSquaresRecovery(affine=True).fit(jacobian, jacobian @ np.ones(9))
    conditions = _named(fitted)
    assert conditions["gap"].holds is False
    assert conditions["full rank"].holds is None
    assert fitted.report_.verdict == "undetermined"


def test_full_rank_below_the_accuracy_asked_for_is_undetermined():
    jacobian = np.diag([1.0, 1e-9])
    loose = LeastSquaresRecovery(accuracy=1e-5).fit(jacobian, [1.0, 1e-9])
    tight = LeastSquaresRecovery(accuracy=1e-8).fit(jacobian, [1.0, 1e-9])
    assert loose.report_.verdict == "locally_identifiable"
    assert tight.report_.verdict == "undetermined"


def test_a_zero_jacobian_sees_nothing():
    silent = LeastSquaresRecovery(affine=True).fit(np.zeros((3, 2)), np.zeros(3))
    assert not silent.vector_.any()
    assert silent.kernel_.shape == (2, 2)
    assert silent.report_.verdict == "non_identifiable"
    contradicted = LeastSquaresRecovery(affine=True).fit(np.zeros((3, 2)), [0.0, 1.0, 0.0])
    assert contradicted.report_.verdict == "undetermined"
    hidden = LeastSquaresRecovery(jacobian_error=2.0).fit(np.eye(2), np.ones(2))
    assert [c.holds for c in hidden.conditions_] == [False, None, None]


def test_without_affinity_the_verdict_is_of_first_order():
    deficient = LeastSquaresRecovery().fit([[1.0, 0.0], [2.0, 0.0]], [1.0, 2.0])
    assert deficient.report_.verdict == "first_order_only"
    full = LeastSquaresRecovery().fit(np.eye(2), np.ones(2))
    assert full.report_.verdict == "locally_identifiable"


def test_witness_is_measured_at_its_own_amplitude():
    jacobian, kernel, vector, _ = _system(3, 8, 5, 3)
    fitted = LeastSquaresRecovery(affine=True).fit(jacobian, jacobian @ vector)
    witness = fitted.report_.witness
    apart = witness.vector - fitted.vector_
    assert witness.distance == pytest.approx(np.linalg.norm(fitted.vector_))
    np.testing.assert_allclose(apart, kernel @ (kernel.T @ apart), atol=1e-12)
    assert 0 <= witness.output_difference < 1e-12


@pytest.mark.parametrize(
    ("jacobian", "response", "sentence"),
    [
        (np.ones(3), np.ones(3), r"jacobian must be \(M, d\), got \(3,\); stack prompts first"),
        (np.ones((2, 3, 1)), np.ones(2), r"jacobian must be \(M, d\), got \(2, 3, 1\)"),
        (np.ones((0, 3)), np.ones(0), "with at least one entry"),
        (np.ones((3, 0)), np.ones(3), "with at least one entry"),
        (np.ones((3, 2)), np.ones(2), "got 2 for 3 rows; stack both over the same prompts"),
        (np.ones((3, 2)), np.ones((3, 1)), r"response must be \(M,\), got \(3, 1\)"),
        (np.ones((3, 2)), None, r"response must be \(M,\), got \(\)"),
        ([[1.0, np.nan]], [1.0], "jacobian must be finite, got 1 NaN"),
        ([[1.0, 2.0]], [np.inf], "response must be finite, got 1 NaN or infinite"),
        ([[1.0, 2.0j]], [1.0], "jacobian must hold real numbers, got dtype complex128"),
        ([[1.0, 2.0]], [1.0j], "response must hold real numbers, got dtype complex128"),
        (np.array([[1, 2**70]], dtype=object), [1.0], "real numbers, got dtype object"),
        ([["a", "b"]], [1.0], "must hold real numbers, got dtype <U1"),
        (sparse.eye_array(2), [1.0, 2.0], "must be dense, got a sparse matrix"),
    ],
)
def test_bad_input_is_one_sentence(jacobian, response, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        LeastSquaresRecovery().fit(jacobian, response)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"accuracy": 0.0}, r"accuracy must lie in \(0, 1\)"),
        ({"accuracy": float("nan")}, r"accuracy must lie in \(0, 1\)"),
        ({"cut": 1.0}, r"cut must lie in \[0, 1\), got 1.0; 0 gives up nothing"),
        ({"cut": -0.1}, r"cut must lie in \[0, 1\)"),
        ({"jacobian_error": -1.0}, r"jacobian_error must lie in \[0, inf\)"),
        (
            {"response_error": float("inf")},
            r"must lie in \[0, inf\), got inf; it bounds the norm",
        ),
    ],
)
def test_parameters_out_of_range_are_refused_by_fit(parameters, sentence):
    recovery = LeastSquaresRecovery(**parameters)
    with pytest.raises(InvalidInput, match=sentence):
        recovery.fit(np.eye(2), np.ones(2))


def test_integers_and_booleans_are_numbers():
    fitted = LeastSquaresRecovery().fit([[2, 0], [0, 1]], [True, False])
    np.testing.assert_allclose(fitted.vector_, [0.5, 0.0])


def test_one_dimension():
    fitted = LeastSquaresRecovery(affine=True).fit([[2.0]], [3.0])
    assert fitted.vector_.tolist() == [1.5]
    assert fitted.kernel_.shape == (1, 0)


def test_other_responses_are_solved_as_fit_solves_them():
    jacobian, _, vector, seen = _system(7, 9, 6, 4)
    fitted = LeastSquaresRecovery().fit(jacobian, jacobian @ vector)
    others = np.random.default_rng(8).standard_normal((2, 3, 9))
    expected = others @ np.linalg.pinv(jacobian, rcond=1e-10).T
    np.testing.assert_allclose(fitted.recover(others), expected, rtol=1e-6)
    np.testing.assert_allclose(fitted.recover(jacobian @ vector), seen, atol=1e-9)
    for wrong, sentence in (
        (np.ones(8), r"responses must be \(..., 9\).*got \(8,\)"),
        ([np.nan] * 9, "real and finite"),
        (["a"] * 9, "real and finite"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            fitted.recover(wrong)
    with pytest.raises(NotFittedError):
        LeastSquaresRecovery().recover(np.ones(9))


def _graded(*values, rows=8, seed=0):
    """J of given singular values, its right singular vectors, and a v with a part along each."""
    rng = np.random.default_rng(seed)
    width = len(values)
    left = np.linalg.qr(rng.standard_normal((rows, width)))[0]
    right = np.linalg.qr(rng.standard_normal((width, width)))[0]
    return (left * np.array(values)) @ right.T, right, rng.standard_normal(width)


def test_directions_at_or_below_the_cut_are_given_up_and_said_to_be():
    jacobian, right, vector = _graded(2.0, 1.0, 1e-3, 1e-4, 0.0)
    fitted = LeastSquaresRecovery(cut=1e-2).fit(jacobian, jacobian @ vector)
    kept = right[:, :2]
    np.testing.assert_allclose(fitted.vector_, kept @ (kept.T @ vector), atol=1e-9)
    np.testing.assert_allclose(fitted.kernel_.T @ kept, 0, atol=1e-9)
    said = fitted.prediction_
    assert said.failure_mode == "kernel: 3 of 5 dimensions, 2 of them given up"
    assert said.recovers is False
    report = fitted.report_
    assert str(report.verdict) == "epsilon_non_identifiable"
    assert report.class_dimension == 3
    assert report.tolerance == pytest.approx((2.0 * 1e-2) ** 2)
    assert "given up" in report.unit
    # What tells the witness from v is no more than the tolerance allows.
    apart = np.linalg.norm(jacobian @ (report.witness.vector - fitted.vector_))
    assert 0 < apart <= 2.0 * 1e-2 * report.witness.distance
    named = _named(fitted)
    assert named["full rank"].holds is False and "2 directions" in named["full rank"].reason
    assert named["consistent response"].holds is True  # with what was given up
    below = LeastSquaresRecovery(cut=1e-5).fit(jacobian, jacobian @ vector)
    whole = LeastSquaresRecovery().fit(jacobian, jacobian @ vector)
    np.testing.assert_array_equal(below.vector_, whole.vector_)
    assert below.prediction_ == whole.prediction_


def test_a_response_off_the_columns_is_inconsistent_with_a_cut_too():
    jacobian, _, vector = _graded(2.0, 1.0, 1e-3)
    off = np.linalg.svd(jacobian)[0][:, -1]
    response = jacobian @ vector + 1e-3 * off
    assert LeastSquaresRecovery(cut=1e-2).fit(jacobian, response).prediction_.recovers is None
    stated = LeastSquaresRecovery(cut=1e-2, response_error=1e-3).fit(jacobian, response)
    assert stated.prediction_.failure_mode == "kernel: 1 of 3 dimensions, 1 of them given up"


@given(seeds, st.floats(-6, -2.5))
@settings(max_examples=60, deadline=None)
def test_with_a_cut_the_gap_statistic_bounds_the_error_though_there_is_no_gap(seed, size):
    """Values run through the cut: the directions kept are not determined, what is read there is."""
    jacobian, _, vector = _graded(*np.geomspace(1, 1e-4, 10), rows=14, seed=seed)
    error = np.random.default_rng(seed).standard_normal(jacobian.shape)
    error *= 10**size / np.linalg.norm(error, 2)
    fitted = LeastSquaresRecovery(cut=1e-2, jacobian_error=10**size, accuracy=0.9)
    fitted.fit(jacobian + error, jacobian @ vector)
    exact = vector - fitted.kernel_ @ (fitted.kernel_.T @ vector)
    moved = np.linalg.norm(fitted.vector_ - exact) / np.linalg.norm(vector)
    assert moved <= _named(fitted)["gap"].statistic * (1 + 1e-9)
    if 10**size < 1e-4:  # else nothing stands between the floor and the cut
        assert moved > 0


def test_halves_agree_on_what_both_keep():
    """What is given up is a direction for each half, a little apart: three are left to both."""
    jacobian, _, vector = _graded(3.0, 2.0, 1.5, 1.0, 1e-4, rows=40)
    found = LeastSquaresRecovery(cut=1e-2).stability(jacobian, jacobian @ vector, splits=6)
    assert found.stable
    assert "3 dimensions" in found.gauge


def test_splits_are_ten_of_seed_0_unless_others_are_asked_for():
    rng = np.random.default_rng(6)
    jacobian, noise = rng.standard_normal((24, 8)), rng.standard_normal(24)
    found = [
        LeastSquaresRecovery().stability(jacobian, noise, **options).agreement.tolist()
        for options in ({}, {"seed": 0}, {"seed": 1})
    ]
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 10

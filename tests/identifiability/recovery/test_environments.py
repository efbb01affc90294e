"""Environments: the class is the common kernel, counted beforehand; the odd one out is named."""

from math import ceil

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from identifiability.errors import InvalidInput
from identifiability.recovery import LeastSquaresRecovery
from identifiability.recovery.environments import EnvironmentRecovery

seeds = st.integers(0, 2**32 - 1)


def _environments(seed, width, rank, count, shared=0):
    """Integer Jacobians of rank r (almost surely), the last coordinates unseen if shared."""
    rng = np.random.default_rng(seed)
    jacobians = []
    for _ in range(count):
        rows = rng.integers(-9, 10, (rank, width))
        rows[:, width - shared :] = 0
        jacobians.append(rng.integers(-3, 4, (rank + 1, rank)) @ rows)
    return jacobians, rng.integers(-5, 6, width)


def _responses(jacobians, vector):
    return [jacobian @ vector for jacobian in jacobians]


def _named(fitted):
    return {condition.name: condition for condition in fitted.conditions_}


@given(seeds, st.integers(2, 6), st.integers(1, 3), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_path_kernel_and_estimate_against_exact_arithmetic(seed, width, rank, count):
    rank = min(rank, width)
    jacobians, vector = _environments(seed, width, rank, count)
    fitted = EnvironmentRecovery(affine=True).fit(jacobians, _responses(jacobians, vector))
    exact = [width - sp.Matrix(np.vstack(jacobians[: k + 1])).rank() for k in range(count)]
    assert fitted.dimension_path_.tolist() == exact
    assert fitted.kernel_.shape == (width, exact[-1])
    scale = np.abs(np.vstack(jacobians)).max() or 1
    np.testing.assert_allclose(np.vstack(jacobians) @ fitted.kernel_ / scale, 0, atol=1e-12)
    seen = vector - fitted.kernel_ @ (fitted.kernel_.T @ vector)
    np.testing.assert_allclose(fitted.vector_, seen, atol=1e-7)
    assert fitted.prediction_.recovers is (exact[-1] == 0)


def test_it_is_least_squares_on_the_stack():
    jacobians, vector = _environments(3, 6, 2, 2)
    fitted = EnvironmentRecovery().fit(jacobians, _responses(jacobians, vector))
    stacked = LeastSquaresRecovery().fit(np.vstack(jacobians), np.vstack(jacobians) @ vector)
    np.testing.assert_array_equal(fitted.vector_, stacked.vector_)
    np.testing.assert_array_equal(fitted.kernel_, stacked.kernel_)
    assert fitted.report_.verdict == stacked.report_.verdict == "first_order_only"
    assert fitted.report_.conditions == tuple(fitted.conditions_)


@pytest.mark.parametrize(("width", "rank", "count"), [(12, 3, 2), (12, 5, 2), (7, 2, 3), (4, 3, 2)])
def test_missing_environments_are_counted_beforehand_and_suffice(width, rank, count):
    total = ceil(width / rank)
    jacobians, vector = _environments(5, width, rank, max(total, count))
    fitted = EnvironmentRecovery().fit(jacobians[:count], _responses(jacobians[:count], vector))
    assert fitted.needed_ == total - count
    conditions = _named(fitted)
    assert conditions["enough environments"].holds is (count >= total)
    assert conditions["enough environments"].statistic == count * rank
    assert conditions["no shared null direction"].holds
    if count < total:
        words = f"at least {total - count} more of rank {rank} needed"
        assert fitted.prediction_.failure_mode.endswith(words)
    more = EnvironmentRecovery().fit(jacobians, _responses(jacobians, vector))
    np.testing.assert_allclose(more.vector_, vector, atol=1e-8)


def test_a_shared_null_direction_is_found_with_its_basis():
    jacobians, vector = _environments(6, 6, 3, 4, shared=1)
    fitted = EnvironmentRecovery().fit(jacobians, _responses(jacobians, vector))
    condition = _named(fitted)["no shared null direction"]
    assert condition.holds is False
    assert condition.statistic == 1
    np.testing.assert_allclose(np.abs(fitted.kernel_[:, 0]), [0, 0, 0, 0, 0, 1], atol=1e-12)
    assert "1 of them shared beyond what ranks enforce" in fitted.prediction_.failure_mode


def test_the_environment_with_another_vector_is_named_where_the_others_decide():
    jacobians, vector = _environments(7, 6, 3, 4)
    responses = _responses(jacobians, vector)
    for odd in range(4):
        changed = list(responses)
        changed[odd] = jacobians[odd] @ (vector + 1)
        fitted = EnvironmentRecovery(affine=True).fit(jacobians, changed)
        assert fitted.prediction_.recovers is None
        assert fitted.prediction_.affected == ((odd,),)
        assert fitted.report_.verdict == "undetermined"
        assert fitted.report_.class_dimension is None


def test_where_the_others_do_not_decide_all_are_suspect():
    jacobians, vector = _environments(8, 6, 3, 3)
    responses = _responses(jacobians, vector)
    responses[1] = jacobians[1] @ (vector + 1)
    fitted = EnvironmentRecovery().fit(jacobians, responses)
    assert fitted.prediction_.affected == ((0, 1, 2),)
    assert fitted.prediction_.failure_mode.startswith("undecided: one of responses[0, 1, 2]")


def test_two_odd_environments_leave_nobody_to_name():
    jacobians, vector = _environments(9, 6, 3, 6)
    vectors = [vector, vector, vector, vector + 1, vector, vector - 2]
    responses = [jacobian @ v for jacobian, v in zip(jacobians, vectors, strict=True)]
    prediction = EnvironmentRecovery().fit(jacobians, responses).prediction_
    assert prediction.failure_mode == "undecided: no common vector, whichever response is left out"
    assert prediction.affected == ()


def test_a_common_vector_that_cannot_be_tested_is_called_an_assumption():
    jacobians, vector = _environments(10, 6, 3, 3)
    for count, tested in ((2, False), (3, True)):
        fitted = EnvironmentRecovery().fit(jacobians[:count], _responses(jacobians[:count], vector))
        reason = _named(fitted)["consistent response"].reason
        assert ("assumed here, not tested" in reason) is not tested


def test_no_gap_is_undecided_and_blames_no_environment():
    jacobians = [np.diag(np.logspace(0, -20, 5)), np.diag(np.logspace(0, -20, 5))]
    fitted = EnvironmentRecovery().fit(jacobians, [np.ones(5), np.zeros(5)])
    conditions = _named(fitted)
    assert conditions["enough environments"].holds is None
    assert conditions["no shared null direction"].holds is None
    assert fitted.prediction_.affected == ()
    assert "no gap" in fitted.prediction_.failure_mode


@given(seeds, st.floats(-8, -4))
@settings(max_examples=30, deadline=None)
def test_stated_errors_of_each_environment_are_enough_for_the_stack(seed, magnitude):
    jacobians, vector = _environments(4, 6, 3, 4)
    rng = np.random.default_rng(seed)
    size = 10.0**magnitude
    errors = [rng.standard_normal(j.shape) for j in jacobians]
    noise = [rng.standard_normal(len(j)) for j in jacobians]
    wrong = [j + size * e / np.linalg.norm(e, 2) for j, e in zip(jacobians, errors, strict=True)]
    responses = [
        j @ vector + size * e / np.linalg.norm(e) for j, e in zip(jacobians, noise, strict=True)
    ]
    stated = EnvironmentRecovery(jacobian_error=size, response_error=size, accuracy=0.01)
    fitted = stated.fit(wrong, responses)
    assert fitted.prediction_.recovers
    smallest = np.linalg.svd(np.vstack(wrong), compute_uv=False)[-1]
    bound = 2 * size / smallest * (1 + np.linalg.norm(vector))
    assert np.linalg.norm(fitted.vector_ - vector) <= bound
    silent = EnvironmentRecovery(accuracy=0.01).fit(wrong, responses)
    assert silent.prediction_.recovers is None


def test_environments_that_show_nothing():
    fitted = EnvironmentRecovery(affine=True).fit([np.zeros((2, 3))] * 2, [np.zeros(2)] * 2)
    assert fitted.needed_ == -1
    assert fitted.kernel_.shape == (3, 3)
    expected = "kernel: 3 of 3 dimensions; no environment shows anything"
    assert fitted.prediction_.failure_mode == expected


def test_stability_splits_environments_or_prompts():
    jacobians, vector = _environments(11, 5, 3, 6)
    responses = _responses(jacobians, vector)
    found = EnvironmentRecovery().stability(jacobians, responses, splits=5)
    assert found.stable
    assert found.agreement.shape == (5, 1)
    prompts = [np.arange(4)] * 6  # the same four prompts in all environments
    by_prompt = EnvironmentRecovery().stability(jacobians, responses, groups=prompts, splits=5)
    np.testing.assert_allclose(by_prompt.agreement, 1, atol=1e-8)
    with pytest.raises(InvalidInput, match="see only 0 dimensions in common"):
        EnvironmentRecovery().stability(np.eye(2)[:, None], [[1.0], [1.0]])


@pytest.mark.parametrize(
    ("jacobians", "responses", "sentence"),
    [
        ([np.eye(2)], [np.ones(2)], "two or more, got 1; for one use LeastSquaresRecovery"),
        ([], [], "two or more, got 0"),
        ([np.eye(2), np.eye(3)], [np.ones(2), np.ones(3)], "one width, got 2, 3"),
        ([np.eye(2)] * 2, [np.ones(2)] * 3, "got 2 and 3"),
        ([np.eye(2)] * 2, [np.ones(2), np.ones(3)], "environment 1: response must have one entry"),
        ([np.eye(2), np.ones(2)], [np.ones(2)] * 2, r"environment 1: jacobian must be \(M, d\)"),
        ([np.eye(2), [[1, np.nan]]], [np.ones(2), [1]], "environment 1: jacobian must be finite"),
        ([np.eye(2)] * 2, [np.ones(2), [1, np.inf]], "environment 1: response must be finite"),
        ([np.eye(2) * 1j] * 2, [np.ones(2)] * 2, "environment 0: jacobian must hold real numbers"),
        ([np.eye(2), np.ones((0, 2))], [np.ones(2), []], "environment 1: jacobian.*one entry"),
        (sparse.eye_array(2), [[1.0], [1.0]], "jacobians must be a list.*got dia_array"),
        ([sparse.eye_array(2)] * 2, [np.ones(2)] * 2, "environment 0: jacobian must be dense"),
        (3.0, [1.0], "jacobians must be a list with one entry for each environment, got float"),
        ([np.eye(2)] * 2, None, "responses must be a list.*got NoneType"),
        (np.array(1.0), [1.0], "jacobians must be a list"),
    ],
)
def test_bad_input_is_one_sentence(jacobians, responses, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        EnvironmentRecovery().fit(jacobians, responses)
    assert "\n" not in str(raised.value)


def test_parameters_are_checked_by_fit():
    with pytest.raises(InvalidInput, match=r"response_error must lie in \[0, inf\)"):
        EnvironmentRecovery(response_error=-1).fit([np.eye(2)] * 2, [np.ones(2)] * 2)


def test_integers_one_dimension_and_arrays_of_environments():
    fitted = EnvironmentRecovery(affine=True).fit(np.array([[[2]], [[4]]]), np.array([[6], [12]]))
    np.testing.assert_allclose(fitted.vector_, [3.0])
    assert fitted.dimension_path_.tolist() == [0, 0]


def test_a_common_vector_is_assumed_where_ranks_only_add_up():
    """Three environments of rank 2 at d = 6 leave no equation to test it; a fourth does."""
    rng = np.random.default_rng(3)
    jacobians = list(rng.standard_normal((4, 2, 6)))
    responses = [jacobian @ np.arange(6.0) for jacobian in jacobians]
    three = EnvironmentRecovery().fit(jacobians[:3], responses[:3]).report_
    four = EnvironmentRecovery().fit(jacobians, responses).report_
    assert [r.condition("consistent response").assumed for r in (three, four)] == [True, False]
    assert "consistent response: assumed" in str(three)

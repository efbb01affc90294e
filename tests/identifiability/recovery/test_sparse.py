"""Sparse recovery: conditions against brute force, predictions against what comes back."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from identifiability import null_space_property
from identifiability.errors import InvalidInput
from identifiability.recovery.sparse import SparseRecovery
from identifiability.sparse_codes import (
    basis_pursuit,
    basis_pursuit_denoising,
    exact_recovery_coefficient,
    l1_certificate,
    matching_pursuit,
)


def _system(seed, rows=6, width=8, atoms=10, sparsity=2):
    rng = np.random.default_rng(seed)
    dictionary = rng.standard_normal((width, atoms)) * rng.uniform(0.1, 10, atoms)
    code = np.zeros(atoms)
    chosen = rng.choice(atoms, sparsity, replace=False)
    code[chosen] = rng.uniform(1, 2, sparsity) * rng.choice([-1, 1], sparsity)
    return rng.standard_normal((rows, width)), dictionary, code


def _named(fitted):
    return {condition.name: condition for condition in fitted.report_.conditions}


def _unit(seed, rows=5, count=8):
    columns = np.random.default_rng(seed).standard_normal((rows, count))
    return columns / np.linalg.norm(columns, axis=0)


@pytest.mark.parametrize("method", ["l1", "omp"])
@pytest.mark.parametrize("seed", range(14))
def test_what_is_predicted_for_this_response_is_what_happens(seed, method):
    """In both directions, on random systems where either may be the case."""
    jacobian, dictionary, code = _system(seed)
    fitted = SparseRecovery(dictionary=dictionary, sparsity=2, method=method, affine=True)
    fitted.fit(jacobian, jacobian @ dictionary @ code)
    error = np.linalg.norm(fitted.codes_ - code) / np.linalg.norm(code)
    assert fitted.report_.verdict == "globally_identifiable"  # six rows serve every pair of atoms
    assert "at most 2 of the 10 atoms" in fitted.report_.certificate.statement
    np.testing.assert_allclose(np.array(fitted.explanations_), [code], atol=1e-7)
    if fitted.prediction_.recovers:
        assert error < 1e-7
        np.testing.assert_allclose(fitted.vector_, dictionary @ code, atol=1e-6)
    elif fitted.prediction_.recovers is False:
        assert error > 1e-2
        assert "not the one found" in fitted.report_.certificate.statement
    else:
        assert method == "omp"
    if fitted.prediction_for_every_code_.recovers:
        assert fitted.prediction_.recovers


@pytest.mark.parametrize("seed", range(4))
def test_every_code_is_decided_as_by_trying_all_of_them(seed):
    """Basis pursuit depends on support and signs only: the worst code is one of +-1."""
    columns = _unit(seed, 4, 6 if seed % 2 else 5)
    count, missed = columns.shape[1], {"l1": False, "omp": False}
    for support in combinations(range(count), 2):
        for signs in product((1, -1), repeat=2):
            code = np.zeros(count)
            code[list(support)] = signs
            found, _ = basis_pursuit(columns, columns @ code)
            missed["l1"] |= bool(np.abs(found - code).max() > 1e-4)
            found, _ = matching_pursuit(columns, columns @ code, 2)
            missed["omp"] |= bool(np.abs(found - code).max() > 1e-4)
    by_l1 = SparseRecovery(sparsity=2).fit(columns, columns[:, 0])
    assert _named(by_l1)["null-space property of order k"].holds is not missed["l1"]
    greedy = SparseRecovery(sparsity=2, method="omp").fit(columns, columns[:, 0])
    if missed["omp"]:
        assert _named(greedy)["exact recovery condition"].holds is False
        assert greedy.prediction_for_every_code_.recovers is False


def test_two_explanations_come_with_the_other_one():
    """J(1, 1, -1, -1) = 0: half of a kernel vector of 2k entries, and its other half."""
    jacobian = np.array([[2, 7, 4, 5], [3, 8, 1, 10], [12, 9, -6, 27]])
    fitted = SparseRecovery(sparsity=2, affine=True).fit(jacobian, [9, 11, 21])
    assert fitted.prediction_.failure_mode == "two k-sparse explanations"
    assert set(fitted.prediction_.affected) == {(0, 1), (2, 3)}
    assert fitted.report_.verdict == "epsilon_non_identifiable"
    assert fitted.report_.class_dimension == 0
    witness = fitted.report_.witness
    assert witness is not None
    assert witness.output_difference is not None
    np.testing.assert_allclose(jacobian @ witness.vector, [9, 11, 21], atol=1e-9)
    assert witness.distance > 1
    assert witness.output_difference < 1e-9
    assert fitted.kernel_.shape == (4, 1)
    local = SparseRecovery(sparsity=2).fit(jacobian, [9, 11, 21])
    assert local.report_.verdict == "first_order_only"
    # The same Jacobian serves almost every other pair: one code apart from every code.
    other = SparseRecovery(sparsity=2).fit(jacobian, jacobian @ [5.0, 2.0, 0, 0])
    assert other.explanations_ is not None
    assert len(other.explanations_) == 1
    assert other.prediction_for_every_code_.recovers is False
    assert other.prediction_for_every_code_.affected == ((0, 1, 2, 3),)


def test_atoms_collinear_as_seen_are_named():
    """Not collinear in R^3, but J sees the plane only."""
    atoms = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    fitted = SparseRecovery(dictionary=atoms, affine=True).fit(np.eye(3)[:2], [3.0, 0.0])
    assert fitted.prediction_for_every_code_.affected == ((0, 2),)
    assert set(fitted.prediction_.affected) == {(0,), (2,)}
    assert fitted.report_.verdict == "epsilon_non_identifiable"


def test_an_atom_in_the_kernel_costs_a_dimension():
    fitted = SparseRecovery(sparsity=2, affine=True).fit(np.eye(3)[:2], [3.0, 0.0])
    assert _named(fitted)["spark(JD) > 2k"].holds is False
    assert fitted.prediction_.failure_mode == "two k-sparse explanations"
    assert fitted.report_.class_dimension == 1


def test_too_large_to_search_is_undetermined_and_says_which_conditions():
    jacobian, dictionary, code = _system(0, 12, 16, 20, 3)
    fitted = SparseRecovery(dictionary=dictionary, sparsity=3, search_limit=0)
    fitted.fit(jacobian, jacobian @ dictionary @ code)
    assert fitted.prediction_.recovers is None
    assert fitted.explanations_ is None
    assert fitted.report_.verdict == "undetermined"
    open_ones = {name for name, c in _named(fitted).items() if c.holds is None}
    assert {
        "spark(JD) > 2k",
        "null-space property of order k",
        "one sparse explanation",
    } <= open_ones
    assert all(c.decided_by for c in fitted.report_.conditions)


def test_a_response_off_the_column_space_decides_nothing():
    fitted = SparseRecovery(affine=True).fit([[1.0, 0], [0, 1], [0, 0]], [1.0, 0.0, 1e-3])
    assert fitted.prediction_.failure_mode == "no k-sparse code explains the response"
    assert fitted.report_.verdict == "undetermined"
    np.testing.assert_allclose(fitted.vector_, [1.0, 0.0], atol=1e-6)
    stated = SparseRecovery(response_error=2e-3).fit(np.eye(3)[:, :2], [1.0, 0.0, 1e-3])
    assert _named(stated)["consistent response"].holds


@pytest.mark.parametrize("seed", range(5))
def test_denoising_meets_the_constraint_with_the_least_norm(seed):
    """Against a general constrained solver (SLSQP), on the split into positive parts."""
    columns, error = _unit(seed), 0.2
    response = columns @ np.array([1.5, -1.0, 0, 0, 0, 0, 0, 0])
    found, complaint = basis_pursuit_denoising(columns, response, error)
    both = np.hstack([columns, -columns])
    constraint = {"type": "ineq", "fun": lambda x: error**2 - np.sum((both @ x - response) ** 2)}
    known = minimize(
        np.sum, np.full(16, 0.3), bounds=[(0, None)] * 16, constraints=constraint, method="SLSQP"
    )
    assert known.success
    assert not complaint
    assert np.linalg.norm(columns @ found - response) == pytest.approx(error, abs=1e-9)
    assert np.abs(found).sum() == pytest.approx(known.fun, abs=1e-5)


@pytest.mark.parametrize("method", ["l1", "omp"])
def test_noise_moves_the_code_by_no_more_than_the_bound(method):
    rng = np.random.default_rng(3)
    basis = np.hstack(
        [
            np.eye(16),
            np.array([[(-1) ** (i & j).bit_count() for i in range(16)] for j in range(16)]) / 4,
        ]
    )
    code = np.zeros(32)
    code[[3, 20]] = 1.5, -1.0
    for _ in range(10):
        noise = rng.standard_normal(16)
        noise *= 0.02 / np.linalg.norm(noise)
        recovery = SparseRecovery(dictionary=basis, sparsity=2, method=method, response_error=0.02)
        fitted = recovery.fit(np.eye(16), basis @ code + noise)
        assert fitted.prediction_.recovers
        assert np.linalg.norm(fitted.codes_ - code) <= fitted.error_bound_ < 0.1
    loud = SparseRecovery(dictionary=basis, sparsity=2, method=method, response_error=0.4)
    assert loud.fit(np.eye(16), basis @ code).prediction_.recovers is not True


@pytest.mark.parametrize("seed", range(10))
def test_certificate_and_exact_recovery_coefficient(seed):
    columns = _unit(seed)
    code = np.array([1.0, -2.0, 0, 0, 0, 0, 0, 0])
    level, _ = l1_certificate(columns, code)
    found, _ = basis_pursuit(columns, columns @ code)
    assert (level < 1) == (np.abs(found - code).max() < 1e-6)
    by_hand = max(
        np.abs(np.linalg.lstsq(columns[:, :2], columns[:, j])[0]).sum() for j in range(2, 8)
    )
    assert exact_recovery_coefficient(columns, np.array([[0, 1]]))[0] == pytest.approx(by_hand)
    if by_hand < 1:
        assert level <= by_hand + 1e-9  # Tropp's condition implies Fuchs's


def test_scales_signs_and_units():
    jacobian, dictionary, code = _system(1)
    response = jacobian @ dictionary @ code
    base = SparseRecovery(dictionary=dictionary, sparsity=2).fit(jacobian, response)
    flipped = SparseRecovery(dictionary=-1e3 * dictionary, sparsity=2).fit(jacobian, response)
    np.testing.assert_allclose(flipped.codes_ * -1e3, base.codes_, atol=1e-8)
    louder = SparseRecovery(dictionary=dictionary, sparsity=2).fit(jacobian, 7 * response)
    np.testing.assert_allclose(louder.vector_, 7 * base.vector_, atol=1e-7)


def test_split_halves_agree_on_a_sparse_vector_and_not_in_a_rotated_basis():
    rng = np.random.default_rng(0)
    jacobian, code = rng.standard_normal((32, 20)), np.zeros(20)
    code[[4, 11]] = 1.0, -2.0
    groups = np.repeat(np.arange(16), 2)
    recovery = SparseRecovery(sparsity=2)
    stable = recovery.stability(jacobian, jacobian @ code, groups=groups)
    assert stable.stable
    assert stable.mean == pytest.approx(1.0)
    assert stable.turning.shape == (20, 0)
    turned = np.linalg.qr(rng.standard_normal((20, 20)))[0] @ code
    lost = SparseRecovery(sparsity=2, method="omp").stability(
        jacobian[:10], jacobian[:10] @ turned, groups=groups[:10]
    )
    assert not lost.stable
    assert lost.turning.shape == (20, 1)
    # Brute force for the null: supports drawn by permutation.
    draws = [_cosine_of_random_codes(rng) for _ in range(4000)]
    assert stable.chance == pytest.approx(np.mean(draws), abs=5 * np.std(draws) / np.sqrt(4000))
    with pytest.raises(InvalidInput, match="each half needs at least k \\+ 1 = 3 rows"):
        recovery.stability(jacobian[:5], jacobian[:5] @ code)


def _cosine_of_random_codes(rng):
    codes = np.zeros((2, 20))
    for code in codes:
        code[rng.permutation(20)[:2]] = rng.standard_normal(2)
    return abs(codes[0] @ codes[1]) / np.linalg.norm(codes[0]) / np.linalg.norm(codes[1])


TWO = np.array([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("parameters", "jacobian", "response", "sentence"),
    [
        ({"dictionary": [[1.0, 0.0], [0.0, 0.0]]}, TWO, [1, 1], "no zero atom, got one at 1"),
        ({"dictionary": [[1, 0, -2], [1, 1, -2]]}, TWO, [1, 1], "collinear atoms, got 0 and 2"),
        ({"dictionary": np.ones((3, 2))}, TWO, [1, 1], r"\(d, K\) with d = 2 as the jacobian"),
        ({"dictionary": np.ones(2)}, TWO, [1, 1], r"dictionary must be \(d, K\), got \(2,\)"),
        ({"dictionary": [[1, np.nan], [0, 1]]}, TWO, [1, 1], "dictionary must be finite"),
        ({"dictionary": [[1, 1j], [0, 1]]}, TWO, [1, 1], "dictionary must hold real numbers"),
        ({"sparsity": 0}, TWO, [1, 1], "sparsity must be an integer of at least 1, got 0"),
        ({"sparsity": 3}, TWO, [1, 1], "between 1 and K = 2 atoms, got 3"),
        ({"method": "lasso"}, TWO, [1, 1], "method must be 'l1' or 'omp', got 'lasso'"),
        ({"response_error": -1.0}, TWO, [1, 1], r"response_error must lie in \[0, inf\)"),
        ({"dictionary": csr_array(np.eye(2))}, TWO, [1, 1], "dictionary must be dense"),
        ({}, csr_array(np.eye(2)), [1, 1], "jacobian must be dense"),
        ({"search_limit": -1}, TWO, [1, 1], "search_limit must be an integer of at least 0"),
        ({}, TWO, [1.0], "one entry for each row of the jacobian, got 1 for 2"),
        ({}, TWO, [1.0, np.inf], "response must be finite"),
        ({}, TWO * 1j, [1.0, 1.0], "jacobian must hold real numbers"),
        ({}, np.ones((0, 2)), [], "at least one entry"),
        ({}, np.ones(2), [1.0, 1.0], r"jacobian must be \(M, d\), got \(2,\)"),
    ],
)
def test_bad_input_is_one_sentence(parameters, jacobian, response, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        SparseRecovery(**parameters).fit(jacobian, response)
    assert "\n" not in str(raised.value)


def test_one_dimension_integers_and_a_zero_response():
    fitted = SparseRecovery(affine=True).fit([[2]], [3])
    assert fitted.vector_.tolist() == [1.5]
    assert fitted.report_.verdict == "globally_identifiable"
    for method in ("l1", "omp"):
        silent = SparseRecovery(method=method, affine=True).fit(TWO, [0, 0])
        assert not silent.vector_.any()
        assert silent.report_.verdict == "globally_identifiable"


SYSTEMS = {
    "recovers": lambda: _system(1),
    "missed by a method": lambda: _system(3, 4, 8, 12),
    "two explanations": lambda: (
        np.array([[2.0, 7, 4, 5], [3, 8, 1, 10], [12, 9, -6, 27]]),
        np.diag([1.0, 2, 1, 3]),  # of unequal l1 norms: rounding has no tie to break
        np.array([1.0, 0.5, 0, 0]),
    ),
    "an atom in the kernel": lambda: (np.eye(4)[:3], np.eye(4), np.array([1.0, 0, 0, 0])),
}


@pytest.mark.parametrize("error", [0.0, 1e-2])
@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("method", ["l1", "omp"])
@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(exponents=st.tuples(*[st.integers(-12, 9)] * 3))
@example(exponents=(-12, 0, 0))
@example(exponents=(0, -12, 0))
@example(exponents=(0, 0, -12))
@example(exponents=(9, 9, 9))
def test_no_answer_depends_on_the_units(system, method, normalise, error, exponents):
    """The solvers' tolerances are absolute; responses of 1e-8 once came back as the zero code."""
    jacobian, dictionary, code = SYSTEMS[system]()
    response = jacobian @ dictionary @ code
    error *= np.linalg.norm(response)
    response = response + error * np.eye(len(response))[0] / 2
    of_jacobian, of_atoms, of_response = 10.0 ** np.array(exponents)

    def fitted(j, d, r):
        recovery = SparseRecovery(
            dictionary=d * dictionary,
            sparsity=2,
            method=method,
            normalise=normalise,
            response_error=r * error,
            affine=True,
        )
        return recovery.fit(j * jacobian, r * response)

    base, scaled = fitted(1, 1, 1), fitted(of_jacobian, of_atoms, of_response)
    unit = of_response / of_jacobian / of_atoms
    size = float(np.linalg.norm(base.codes_))
    np.testing.assert_allclose(scaled.codes_ / unit, base.codes_, rtol=0, atol=1e-6 * size)
    assert scaled.prediction_ == base.prediction_
    assert scaled.prediction_for_every_code_ == base.prediction_for_every_code_
    assert scaled.report_.verdict == base.report_.verdict
    assert [c.holds for c in scaled.report_.conditions] == [
        c.holds for c in base.report_.conditions
    ]
    if scaled.prediction_.recovers and error == 0:
        np.testing.assert_allclose(scaled.codes_ / unit, code, rtol=0, atol=1e-6 * size)


def test_the_systems_above_have_different_outcomes():
    seen = {
        (system, method): SparseRecovery(dictionary=d, sparsity=2, method=method, affine=True)
        .fit(j, j @ d @ z)
        .prediction_.recovers
        for system, make in SYSTEMS.items()
        for method in ("l1", "omp")
        for j, d, z in [make()]
    }
    assert seen["recovers", "l1"] is True
    assert seen["missed by a method", "l1"] is False
    assert seen["two explanations", "l1"] is False
    assert seen["an atom in the kernel", "omp"] is False


@pytest.mark.parametrize("method", ["l1", "omp"])
@pytest.mark.parametrize("jacobian", [[[2.0]], [[1.0], [2.0], [3.0]]])
def test_a_single_atom(jacobian, method):
    fitted = SparseRecovery(method=method, affine=True).fit(jacobian, 3 * np.ravel(jacobian))
    np.testing.assert_allclose(fitted.codes_, [3.0])
    assert fitted.report_.verdict == "globally_identifiable"
    assert "no two columns overlap" in _named(fitted)["coherence"].statement


@pytest.mark.parametrize("method", ["l1", "omp"])
@pytest.mark.parametrize("sparsity", [1, 2])
def test_names_of_conditions_are_unique(sparsity, method):
    fitted = SparseRecovery(sparsity=sparsity, method=method).fit(*_system(0)[:1], np.ones(6))
    names = [c.name for c in fitted.report_.conditions]
    assert len(set(names)) == len(names)
    assert fitted.report_.condition("spark(JD) > 2k").threshold == 2 * sparsity


def test_a_result_that_contradicts_the_prediction_leaves_no_verdict(monkeypatch):
    """Whatever makes a solver stop too early, its zero code is not called identified."""
    monkeypatch.setattr(
        "identifiability.recovery.sparse_report.basis_pursuit",
        lambda columns, response: (np.zeros(columns.shape[1]), ""),
    )
    fitted = SparseRecovery(affine=True).fit(np.eye(3), [0.0, 2.0, 0.0])
    assert fitted.prediction_.recovers
    assert fitted.report_.verdict == "undetermined"
    assert fitted.report_.class_dimension is None
    assert "predicted to explain the response, and does not" in str(fitted.report_.certificate)


@pytest.mark.parametrize(
    ("jacobian", "response", "error"),
    [
        # Nearly collinear columns: (10, 10, 0) was planted, (10.9, 9.1, 0) is found.
        ([[1, 1, 0], [0, 1e-3, 0], [0, 0, 1]], [20, 9.1e-3, 0], 1e-3),
        # The second atom is below the noise: any third one serves as well.
        (np.eye(6), [1, 9e-4, 0, 0, 0, 0], 3e-3),
        (np.eye(6), [1, 0, 0, 0, 0, 0], 3e-3),
    ],
)
@pytest.mark.parametrize("method", ["l1", "omp"])
def test_with_noise_nothing_undecided_is_called_identified(jacobian, response, error, method):
    recovery = SparseRecovery(sparsity=2, response_error=error, affine=True, method=method)
    fitted = recovery.fit(jacobian, response)
    assert fitted.prediction_.recovers is None
    assert fitted.report_.verdict in ("undetermined", "epsilon_non_identifiable")


def test_an_atom_below_the_noise_is_one_of_several():
    fitted = SparseRecovery(sparsity=2, response_error=3e-3, affine=True)
    fitted.fit(np.eye(6), [1, 9e-4, 0, 0, 0, 0])
    assert fitted.report_.verdict == "epsilon_non_identifiable"
    assert {(0, 1), (0,)} == set(fitted.prediction_.affected)


def test_fewer_columns_than_2k_have_an_error_bound():
    fitted = SparseRecovery(sparsity=2, response_error=1e-3).fit(np.diag([1.0, 2, 3]), [1, 2, 0])
    assert fitted.error_bound_ == pytest.approx(2e-3, rel=1e-3)


def test_greedy_does_not_find_every_code_with_an_atom_in_the_kernel():
    fitted = SparseRecovery(method="omp").fit(np.eye(2, 3), [1.0, 0.0])
    assert fitted.report_.condition("exact recovery condition").holds is False
    assert fitted.report_.condition("coherence").holds is False
    found = SparseRecovery(method="omp").fit(np.eye(3), [1.0, 0.0, 0.0]).report_
    assert found.condition("exact recovery condition").holds
    assert found.condition("coherence").holds


def test_the_default_limit_bounds_the_work(monkeypatch):
    """(K, k, M) = (192, 6, 64) solved 7000 linear programs once; one takes 25 ms."""
    solved = []
    known = null_space_property._Program.largest

    def largest(program, weights):
        solved.append(weights)
        return known(program, weights)

    monkeypatch.setattr(null_space_property._Program, "largest", largest)
    for rows, atoms, sparsity in [(64, 192, 6), (48, 128, 4), (30, 60, 3), (8, 14, 2)]:
        solved.clear()
        jacobian, dictionary, code = _system(0, rows, rows + 4, atoms, sparsity)
        recovery = SparseRecovery(dictionary=dictionary, sparsity=sparsity)
        recovery.fit(jacobian, jacobian @ dictionary @ code)
        assert len(solved) * (100 + rows * atoms // 32) <= recovery.search_limit
    assert solved  # the smallest one was searched


@pytest.mark.parametrize("method", ["l1", "omp"])
def test_codes_of_other_responses_are_those_that_fit_finds(method):
    jacobian, dictionary, code = _system(3)
    codes = np.array([code, np.roll(code, 1), 3 * np.roll(code, 2)])
    responses = codes @ dictionary.T @ jacobian.T
    recovery = SparseRecovery(dictionary=dictionary, sparsity=2, method=method)
    each = [clone(recovery).fit(jacobian, response).codes_ for response in responses]
    found = recovery.fit(jacobian, responses[0]).recover(responses)
    np.testing.assert_array_equal(found, each)
    np.testing.assert_array_equal(recovery.codes_, each[0])  # as they were
    for wrong, sentence in (
        (responses[0], r"responses must be \(n, M\), got \(6,\)"),
        (responses[:, :5], "must have 6 entries each.*got 5"),
        (responses * np.nan, "responses must be finite"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            recovery.recover(wrong)
    with pytest.raises(NotFittedError):
        clone(recovery).recover(responses)

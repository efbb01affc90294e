"""Spectra against constructed spectra, exact ranks, and perturbation bounds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability import FisherOperator, JacobianOperator, Spectrum, exact_rank, stack
from identifiability.errors import InvalidInput
from tests.cases import OPERATORS, SMOOTH_MAPS
from tests.oracles import integer_matrix_of_rank


def _orthogonal(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6))
def test_rank_is_the_exact_one(rows, width, seed):
    rng = np.random.default_rng(seed)
    matrix = integer_matrix_of_rank(rng, rows, width, int(rng.integers(1, min(rows, width) + 1)))
    spectrum = Spectrum.of(matrix)
    assert spectrum.rank() == int(exact_rank(matrix))
    assert spectrum.resolved
    np.testing.assert_allclose(matrix @ spectrum.null_space, 0, atol=1e-11)


def test_eigenvalues_are_those_planted_for_metrics_and_jacobians():
    rng = np.random.default_rng(0)
    planted = np.array([4.0, 1.0, 0.25, 0.0])
    right = _orthogonal(rng, 4)
    metric = right @ np.diag(planted) @ right.T
    jacobian = _orthogonal(rng, 6)[:, :4] @ np.diag(np.sqrt(planted)) @ right.T
    for matrix in ((metric + metric.T) / 2, jacobian):
        spectrum = Spectrum.of(matrix)
        np.testing.assert_allclose(spectrum.eigenvalues, planted, atol=1e-14)
        assert spectrum.rank() == 3
        np.testing.assert_allclose(np.abs(spectrum.null_space[:, 0] @ right[:, 3]), 1)


@pytest.mark.parametrize("case", SMOOTH_MAPS, ids=lambda case: case.name)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_has_the_spectrum_of_its_matrix(case, name):
    operator = OPERATORS[name](case)
    matrix = operator @ np.eye(operator.shape[1])
    gram = matrix if operator.symmetric else matrix.T @ matrix
    expected = np.sort(np.linalg.eigvalsh((gram + gram.T) / 2))[::-1]
    found = Spectrum.of(operator).eigenvalues
    np.testing.assert_allclose(found, expected, atol=1e-10 * max(1, expected[0]))


def test_a_jacobian_resolves_what_its_gram_matrix_loses():
    """Singular values 1 and 1e-10: the Gram matrix holds 1e-20, below its rounding."""
    right = _orthogonal(np.random.default_rng(1), 2)
    jacobian = np.vstack([np.diag([1.0, 1e-10]) @ right, np.zeros((1, 2))])
    assert Spectrum.of(jacobian).rank() == 2
    gram = jacobian.T @ jacobian
    assert Spectrum.of((gram + gram.T) / 2).rank() == 1


def test_known_error_of_the_entries_raises_the_floor():
    """By Weyl's inequality a float32 copy moves no singular value farther than its own error."""
    rng = np.random.default_rng(2)
    exact = integer_matrix_of_rank(rng, 20, 12, 9) / 7.0
    rounded = exact.astype(np.float32).astype(np.float64)
    error = float(np.linalg.norm(rounded - exact, 2))
    assert Spectrum.of(rounded).rank() == 12  # rounding noise counted as signal
    spectrum = Spectrum.of(rounded, error=error)
    assert spectrum.rank() == 9
    assert spectrum.resolved
    angle = np.linalg.norm(spectrum.row_space.T @ Spectrum.of(exact).null_space, 2)
    assert angle <= spectrum.null_space_angle_bound < 1e-3


def test_without_a_gap_the_rank_is_not_resolved():
    spectrum = Spectrum.of(np.diag([1.0, 1.1e-3, 1.0e-3, 1e-4]) @ np.ones((4, 4)), error=0.0)
    assert spectrum.rank() == 1
    flat = Spectrum.of(np.diag([1.0, 1.5e-3, 0.9e-3, 0.5e-3, 0.0]), error=1e-3)
    assert flat.rank() == 2
    assert not flat.resolved


@settings(deadline=None)
@given(st.integers(2, 12), st.floats(1e-3, 10), st.floats(1e-2, 10), st.integers(0, 10**6))
def test_epsilon_null_dimension_is_that_of_courant_and_fischer(size, epsilon, radius, seed):
    """The span of the counted directions stays within epsilon, and one more dimension cannot."""
    rng = np.random.default_rng(seed)
    values = np.sort(rng.exponential(size=size))[::-1]
    right = _orthogonal(rng, size)
    metric = right @ np.diag(values) @ right.T
    spectrum = Spectrum.of((metric + metric.T) / 2)
    count = spectrum.epsilon_null_dimension(epsilon, radius)
    assert count == sum(0.5 * value * radius**2 <= epsilon for value in values)
    inside = spectrum.eigenvectors[:, size - count :]
    if count:
        worst = np.linalg.eigvalsh(inside.T @ metric @ inside)[-1]
        assert 0.5 * worst * radius**2 <= epsilon * (1 + 1e-9)


def test_effective_rank_of_flat_and_single_spectra():
    assert Spectrum.of(np.diag([2.0, 2.0, 2.0])).effective_rank == pytest.approx(3)
    assert Spectrum.of(np.diag([2.0, 0.0])).effective_rank == pytest.approx(1)
    assert Spectrum.of(np.zeros((2, 2))).effective_rank == 0


def test_effective_rank_of_a_jacobian_is_that_of_its_eigenvalues():
    """Shares 16/21, 4/21 and 1/21 of the trace of A^T A, in nats."""
    jacobian = Spectrum.of(np.diag([4.0, 2.0, 1.0]), metric=False)
    share = np.array([16.0, 4.0, 1.0]) / 21
    assert jacobian.effective_rank == pytest.approx(np.prod(share**-share))
    metric = Spectrum.of(np.diag([16.0, 4.0, 1.0]))
    assert metric.effective_rank == pytest.approx(jacobian.effective_rank)


def test_bounds_of_an_epsilon_null_dimension_are_those_of_every_spectrum_within_the_error():
    """Of values 3, 2, 1, 0.5 and 0.1 known to 0.2, the cut at 0.6 or at 0.36 for their squares."""
    metric = Spectrum.of(np.diag([3.0, 2.0, 1.0, 0.5, 0.1]), error=0.2)
    assert metric.epsilon_null_dimension_bounds(0.3, 1.0) == (1, 2)
    assert metric.epsilon_null_dimension_bounds(1.2, 2.0) == (1, 2)
    jacobian = Spectrum.of(np.diag([3.0, 2.0, 1.0, 0.5, 0.1]), error=0.2, metric=False)
    assert jacobian.epsilon_null_dimension_bounds(0.18, 1.0) == (1, 2)
    assert jacobian.epsilon_null_dimension(0.18, 1.0) == 2
    exact = Spectrum.of(np.diag([3.0, 2.0, 1.0, 0.5, 0.1]))
    assert exact.epsilon_null_dimension_bounds(0.3, 1.0) == (2, 2)
    none = Spectrum.of(np.diag([2.0, 1.0, 0.1]), error=0.2)
    assert none.epsilon_null_dimension_bounds(1e-4, 1.0) == (0, 1)


def test_a_stack_sees_what_either_prompt_sees():
    maps = [JacobianOperator(c.function, c.state) for c in SMOOTH_MAPS[:1] * 2]
    assert Spectrum.of(stack(maps)).rank() == Spectrum.of(maps[0]).rank() == 3


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        (np.zeros(8), r"must be \(m, d\), got \(8,\); stack prompts first"),
        (np.zeros((0, 3)), "at least one entry"),
        (np.array([[np.nan]]), "must be finite"),
        (np.array([[1j]]), "real numbers"),
        (np.array([["a"]]), "real numbers"),
        (np.diag([1.0, -1.0]), "positive semidefinite"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(matrix, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Spectrum.of(matrix)


def test_negative_error_and_zero_epsilon_are_refused():
    with pytest.raises(InvalidInput, match="norm >= 0"):
        Spectrum.of(np.eye(2), error=-1.0)
    with pytest.raises(InvalidInput, match="must lie in"):
        Spectrum.of(np.eye(2)).epsilon_null_dimension(0.0, 1.0)


def test_a_symmetric_jacobian_is_no_metric():
    """An array cannot say what it is; an operator or the caller can."""
    matrix = np.array([[0.0, 2.0], [2.0, 0.0]])
    with pytest.raises(InvalidInput, match="metric=False"):
        Spectrum.of(matrix)
    np.testing.assert_allclose(Spectrum.of(matrix, metric=False).eigenvalues, [4.0, 4.0])


def test_a_metric_that_is_symmetric_only_to_rounding_is_still_one():
    rng = np.random.default_rng(3)
    jacobian = rng.standard_normal((30, 7))
    metric = jacobian.T @ np.diag(rng.uniform(size=30)) @ jacobian
    metric[0, 1] *= 1 + 4e-16
    expected = np.linalg.eigvalsh((metric + metric.T) / 2)[::-1]
    np.testing.assert_allclose(Spectrum.of(metric).eigenvalues, expected, rtol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6, 1e8])
def test_a_cancelled_common_shift_of_logits_is_never_counted_as_signal(shift):
    """Softmax does not see it; forming J^T F J loses digits to it, which the floor must show."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        readout = rng.standard_normal((7, 5))
        readout[:, 4] = readout[:, 3]  # their difference is invisible
        shifted = torch.as_tensor(readout + shift * rng.standard_normal(5))
        jacobian = JacobianOperator(lambda h, W=shifted: W @ h, torch.zeros(5).double())
        spectrum = Spectrum.of(FisherOperator(jacobian))
        assert spectrum.rank() <= 4
        if shift <= 1e3:
            assert spectrum.rank() == 4

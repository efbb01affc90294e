"""Operators against finite differences and against the divergence that they approximate."""

import numpy as np
import pytest
import torch

from identifiability import FisherOperator, JacobianOperator, average, stack
from identifiability.errors import InvalidInput
from tests.cases import OPERATORS, SMOOTH_MAPS
from tests.oracles import finite_difference_jacobian, softmax_kl

METRIC = FisherOperator(JacobianOperator(torch.sin, torch.ones(2, dtype=torch.float64)))
maps = pytest.mark.parametrize("case", SMOOTH_MAPS, ids=lambda case: case.name)


@maps
def test_jacobian_is_the_finite_difference_one(case):
    operator = JacobianOperator(case.function, case.state, strength=1.5)
    expected = 1.5 * finite_difference_jacobian(case.function, case.state)
    np.testing.assert_allclose(operator.matmat(np.eye(operator.shape[1])), expected, atol=1e-8)
    np.testing.assert_allclose(operator.rmatmat(np.eye(operator.shape[0])).T, expected, atol=1e-8)


@maps
@pytest.mark.parametrize("name", OPERATORS)
def test_adjoint_and_products_agree(case, name):
    """<w, A u> = <A^T w, u>, and a product with a matrix is that with each column."""
    operator = OPERATORS[name](case)
    rng = np.random.default_rng(0)
    u, w = rng.standard_normal(operator.shape[1]), rng.standard_normal(operator.shape[0])
    scale = np.linalg.norm(u) * np.linalg.norm(w) * np.linalg.norm(operator @ np.eye(len(u)))
    assert w @ (operator @ u) == pytest.approx((operator.T @ w) @ u, abs=1e-12 * scale)
    both = operator.matmat(np.stack([u, 2 * u], axis=1))
    np.testing.assert_allclose(both, np.stack([operator @ u, 2 * (operator @ u)], 1), rtol=1e-9)


@maps
def test_softmax_fisher_is_the_second_order_of_the_divergence(case):
    """KL minus its quadratic part shrinks like the third power, so halving divides it by 8."""
    operator = FisherOperator(JacobianOperator(case.function, case.state))
    direction = np.random.default_rng(1).standard_normal(operator.shape[1])
    direction /= np.linalg.norm(direction)
    base = case.function(case.state).numpy()

    def error(step):
        moved = case.function(case.state + step * torch.as_tensor(direction)).numpy()
        quadratic = 0.5 * step**2 * direction @ (operator @ direction)
        return abs(softmax_kl(base, moved) - quadratic)

    if len(base) == 1:
        assert operator @ direction == pytest.approx(0, abs=1e-14)  # one logit says nothing
    else:
        assert error(5e-3) < error(1e-2) / 6 + 1e-13


def test_gaussian_fisher_is_the_weighted_normal_matrix():
    case = SMOOTH_MAPS[2]
    jacobian = finite_difference_jacobian(case.function, case.state)
    precision = np.diag([1.0, 2.0, 3.0, 4.0])
    operator = FisherOperator(JacobianOperator(case.function, case.state), precision=precision)
    expected = jacobian.T @ precision @ jacobian
    np.testing.assert_allclose(operator @ np.eye(6), expected, atol=1e-7)


def test_stack_and_average_are_row_blocks_and_means():
    case = SMOOTH_MAPS[2]
    jacobians = [JacobianOperator(case.function, case.state + i) for i in range(3)]
    blocks = [finite_difference_jacobian(case.function, case.state + i) for i in range(3)]
    np.testing.assert_allclose(stack(jacobians) @ np.eye(6), np.vstack(blocks), atol=1e-8)
    mean = average([FisherOperator(j, precision=np.eye(4)) for j in jacobians])
    expected = np.mean([block.T @ block for block in blocks], axis=0)
    np.testing.assert_allclose(mean @ np.eye(6), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: JacobianOperator(torch.sin, torch.zeros(2, 3)), "state must be .* got \\(2, 3\\)"),
        (lambda: JacobianOperator(torch.sin, torch.tensor([1, 2])), "floating torch tensor"),
        (lambda: JacobianOperator(torch.sin, torch.tensor([1.0, torch.nan])), "must be finite"),
        (lambda: JacobianOperator(lambda h: torch.outer(h, h), torch.ones(3)), "flatten it"),
        (lambda: stack([]), "at least one operator"),
        (
            lambda: stack([JacobianOperator(torch.sin, torch.ones(n)) for n in (2, 3)]),
            r"widths \[2, 3\]",
        ),
        (
            lambda: stack([JacobianOperator(torch.sin, torch.ones(2)), METRIC]),
            r"stack takes Jacobians \(m, d\), got a FisherOperator, a metric .* use average",
        ),
        (lambda: stack([average([METRIC])]), "use average"),
        (lambda: average([METRIC, METRIC.jacobian]), "wrap Jacobians in FisherOperator"),
        (lambda: JacobianOperator(torch.sin, torch.ones(2), strength=True), "must be a number"),
        (lambda: JacobianOperator(torch.sin, torch.ones(2), strength=np.inf), "must lie in"),
        (
            lambda: FisherOperator(JacobianOperator(torch.sin, torch.ones(2)), precision=np.eye(3)),
            r"precision must be \(2, 2\)",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        make()

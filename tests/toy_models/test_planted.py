"""The truth on every planted instance, against finite differences, SVD and finite amplitudes."""

import numpy as np
import pytest
import torch

from identifiability import JacobianOperator
from tests.oracles import finite_difference_jacobian
from toy_models import (
    AffineReadout,
    BottleneckMLP,
    Planted,
    SoftmaxReadout,
    TanhReadout,
    TransformerBlocks,
)
from toy_models.planted import alternating_strengths, complement, orthonormal

# The model and the dimension that its class has by theory.
MODELS = [
    (AffineReadout(width=5, outputs=3, rank=4, prompts=2), 1),
    (AffineReadout(width=6, outputs=4, rank=4, spectrum="power_law"), 2),
    (AffineReadout(width=6, outputs=9, rank=3, spectrum="integer"), 3),
    (AffineReadout(width=4, outputs=4, rank=4), 0),
    (SoftmaxReadout(width=6, vocabulary=9, rank=4, prompts=2), 2),
    (SoftmaxReadout(width=6, vocabulary=6, rank=5, spectrum="power_law"), 1),
    (TanhReadout(width=5, hidden=9, strengths=3), 2),
    (TanhReadout(width=5, hidden=9, outputs=2, prompts=2), 1),
    (TanhReadout(width=5, hidden=16, strengths=5), 0),
    (BottleneckMLP(width=7, bottleneck=3, prompts=3), 4),
    (BottleneckMLP(width=7, bottleneck=3, prompts=2, placement="after_nonlinearity"), 1),
    (BottleneckMLP(width=7, bottleneck=3, prompts=3, placement="after_nonlinearity"), 0),
    (TransformerBlocks(), 1),
    (TransformerBlocks(norm="rms"), 0),
    (TransformerBlocks(placement="post"), 0),
]
models = pytest.mark.parametrize(
    ("model", "dimension"), MODELS, ids=[type(model).__name__ for model, _ in MODELS]
)
seeds = pytest.mark.parametrize("seed", [0, 1])


def _at_planted(instance):
    return torch.from_numpy(instance.vector)


@models
@seeds
def test_jacobian_by_finite_differences_closed_form_and_both_modes(model, dimension, seed):
    instance = model.sample(seed)
    # Second-order differences at step 1e-5 leave 1e-10 of curvature and 1e-11 of rounding.
    expected = finite_difference_jacobian(instance.observe, _at_planted(instance))
    operator = JacobianOperator(instance.observe, _at_planted(instance))
    columns = operator.matmat(np.eye(instance.width))
    rows = operator.rmatmat(np.eye(len(expected))).T
    np.testing.assert_allclose(columns, expected, atol=1e-7)
    np.testing.assert_allclose(rows, columns, atol=1e-12)
    if instance.jacobians:
        np.testing.assert_allclose(instance.jacobian(), columns, atol=1e-12)


@models
@seeds
def test_kernel_is_the_null_space_found_by_svd(model, dimension, seed):
    instance = model.sample(seed)
    jacobian = torch.func.jacrev(instance.observe)(_at_planted(instance)).numpy()
    _, singular, right = np.linalg.svd(jacobian)
    found = right[int(np.sum(singular > 1e-9 * singular[0])) :].T
    assert instance.kernel.shape == found.shape == (instance.width, dimension)
    np.testing.assert_allclose(instance.kernel.T @ instance.kernel, np.eye(dimension), atol=1e-14)
    # Two orthonormal bases of one space have the same projector.
    projector = instance.kernel @ instance.kernel.T
    np.testing.assert_allclose(projector, found @ found.T, atol=1e-12)


@models
@seeds
def test_parts_of_v_add_up_and_are_orthogonal(model, dimension, seed):
    instance = model.sample(seed)
    seen, hidden = instance.row_space_part, instance.kernel_part
    np.testing.assert_allclose(seen + hidden, instance.vector, atol=1e-15)
    assert abs(seen @ hidden) < 1e-13
    np.testing.assert_allclose(instance.kernel.T @ seen, np.zeros(dimension), atol=1e-14)


@pytest.mark.parametrize(
    "model", [m for m, k in MODELS if k and m.sample(0).reach == "global"], ids=repr
)
def test_global_kernel_changes_no_output_at_large_amplitude(model):
    """N2c: exact at any amplitude and any strength, not to first order only."""
    instance = model.sample(0)
    direction = torch.from_numpy(instance.kernel @ np.ones(instance.kernel.shape[1]))
    for continuation, state in zip(instance.continuations, instance.states, strict=True):
        h = torch.from_numpy(state)
        base = continuation(h)
        for amplitude in (1.0, -30.0):
            moved = continuation(h + amplitude * direction)
            # Rounding of a state of norm 30 in maps of gain about 10.
            assert (moved - base).abs().max() < 1e-12


@pytest.mark.parametrize(
    "model", [m for m, k in MODELS if k and m.sample(0).reach == "local"], ids=repr
)
def test_local_kernel_is_left_at_second_order(model):
    """N2: halving the step along a kernel direction quarters the deviation, which is not 0."""
    instance = model.sample(0)
    direction = torch.from_numpy(instance.kernel[:, 0])
    v = _at_planted(instance)
    base = instance.observe(v)

    def deviation(step):
        return float((instance.observe(v + step * direction) - base).norm())

    assert deviation(1e-3) > 1e-9
    assert deviation(1e-3) / deviation(5e-4) == pytest.approx(4, rel=0.02)


@models
def test_same_seed_same_instance_other_seed_another(model, dimension):
    first, again, other = model.sample(3), model.sample(3), model.sample(4)
    assert isinstance(first, Planted)
    np.testing.assert_array_equal(first.response(), again.response())
    assert not np.allclose(first.vector, other.vector)
    assert first.vector.dtype == first.states.dtype == np.float64
    assert first.observe(_at_planted(first)).dtype == torch.float64


def test_observation_runs_over_prompts_then_strengths():
    instance = TanhReadout(width=3, hidden=4, outputs=2, prompts=2, strengths=3).sample(0)
    v = _at_planted(instance)
    seen = instance.observe(v).reshape(2, 3, 2)
    assert instance.strengths.tolist() == [1.0, -1.0, 2.0]
    expected = instance.continuations[1](torch.from_numpy(instance.states[1]) + 2.0 * v)
    assert torch.equal(seen[1, 2], expected)
    np.testing.assert_array_equal(
        instance.response(), (instance.observe(v) - instance.observe(0 * v)).numpy()
    )


def test_a_model_without_closed_form_says_so():
    with pytest.raises(ValueError, match="no Jacobian in closed form"):
        TransformerBlocks().sample(0).jacobian()


def test_complement_and_orthonormal_bases():
    rng = np.random.default_rng(0)
    basis = orthonormal(rng, 6, 4)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-14)
    rest = complement(rng.standard_normal((2, 4)) @ basis.T)
    assert rest.shape == (6, 4)
    assert complement(rng.standard_normal((3, 3))).shape == (3, 0)


def test_orthonormal_is_uniform_and_not_biased_by_the_sign_convention_of_qr():
    """Under the Haar measure every entry has mean 0; LAPACK's own R has negative diagonals."""
    rng = np.random.default_rng(0)
    corner = [orthonormal(rng, 3, 2)[0, 0] for _ in range(2000)]
    assert abs(np.mean(corner)) * np.sqrt(2000 * 3) < 5  # entries have variance 1/3


def test_ill_conditioned_draws_are_drawn_again():
    """About one first draw in eighty is beyond 1e4; the first of these is at seed 18."""
    model = TanhReadout(strengths=8)
    conditions = [np.linalg.cond(model.sample(seed).jacobian()) for seed in range(40)]
    assert max(conditions) <= 1e4
    with pytest.raises(ValueError, match="100 draws in a row were ill-conditioned"):
        TanhReadout(width=24, hidden=24, strengths=24).sample(0)


def test_strengths_are_distinct_and_alternate():
    assert alternating_strengths(5).tolist() == [1.0, -1.0, 2.0, -2.0, 3.0]

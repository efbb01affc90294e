"""Readouts: rank and spectrum as ordered, exactly for integers; what a softmax hides."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability import exact_rank
from toy_models import AffineReadout, SoftmaxReadout, TanhReadout
from toy_models.readouts import singular_values


@given(
    width=st.integers(1, 7),
    rows=st.integers(1, 9),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_integer_readout_has_the_rank_ordered_over_the_rationals(width, rows, share, seed):
    rank = 1 + int(share * (min(width, rows) - 1))
    model = AffineReadout(width=width, outputs=rows, rank=rank, spectrum="integer")
    instance = model.sample(seed)
    jacobian = instance.jacobian()
    assert np.array_equal(jacobian, np.round(jacobian))
    exact = exact_rank(jacobian.astype(int))
    assert int(exact) == rank
    assert exact.certificate.kind == "proof"
    assert instance.kernel.shape == (width, width - rank)
    scale = max(1.0, np.abs(jacobian).max())
    np.testing.assert_allclose(jacobian @ instance.kernel / scale, 0, atol=1e-13)


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [
        ("flat", [1, 1, 1, 1, 1, 1]),
        ("power_law", [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]),
        ("gapless", [1, 10**-4.8, 10**-9.6, 10**-14.4, 0, 0]),
    ],
)
def test_affine_readout_has_the_singular_values_ordered(spectrum, expected):
    model = AffineReadout(width=8, outputs=5, prompts=2, rank=6, spectrum=spectrum)
    found = np.linalg.svd(model.sample(0).jacobian(), compute_uv=False)
    np.testing.assert_allclose(found, [*expected, 0, 0], atol=1e-14)


def test_gapless_values_lie_close_around_any_rounding_level():
    values = singular_values("gapless", 12)
    for floor in np.logspace(-18, -12, 20):
        counted, missed = values[values > floor], values[values <= floor]
        assert counted[-1] < 1e3 * floor
        assert missed[0] > 0


def test_prompts_split_the_stack():
    instance = AffineReadout(width=5, outputs=3, rank=5, prompts=4).sample(0)
    assert len(instance.continuations) == len(instance.states) == 4
    assert instance.jacobian().shape == (12, 5)
    each = [np.linalg.matrix_rank(j(instance.states[0])) for j in instance.jacobians]
    assert each == [3, 3, 3, 3]


def test_softmax_readout_gives_log_probabilities():
    instance = SoftmaxReadout(width=4, vocabulary=6, rank=3).sample(0)
    seen = instance.continuations[0](torch.from_numpy(instance.states[0]))
    assert float(torch.exp(seen).sum()) == pytest.approx(1, abs=1e-14)


def test_raw_logits_see_one_dimension_that_log_probabilities_do_not():
    """The kernel is that of the softmax: W n is constant but not zero there."""
    instance = SoftmaxReadout(width=6, vocabulary=9, rank=4).sample(0)
    weights = instance.continuations[0].args[0].numpy()
    assert np.linalg.matrix_rank(weights) == 5
    constant = weights @ instance.kernel
    np.testing.assert_allclose(constant - constant.mean(axis=0), 0, atol=1e-14)
    assert np.abs(constant).max() > 0.1


def test_further_prompts_add_no_rank_to_a_softmax_readout():
    instance = SoftmaxReadout(width=6, vocabulary=9, rank=4, prompts=3).sample(0)
    assert np.linalg.matrix_rank(instance.jacobian()) == 4


@pytest.mark.parametrize("strengths", [1, 2, 3, 8, 11])
def test_each_strength_is_an_environment_of_a_tanh_readout(strengths):
    """theory.md N2b: rank min(d, number of strengths) for a scalar readout of one prompt."""
    instance = TanhReadout(strengths=strengths).sample(0)
    assert np.linalg.matrix_rank(instance.jacobian(), tol=1e-9) == min(8, strengths)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (AffineReadout(width=4, outputs=3, rank=4), "rank must lie between 1 and"),
        (AffineReadout(rank=0), "rank must lie between 1 and"),
        (AffineReadout(rank=4, spectrum="gapless"), "needs rank >= 5"),
        (AffineReadout(spectrum="pink"), "spectrum must be one of flat, power_law"),
        (SoftmaxReadout(width=8, vocabulary=8, rank=8), "a softmax hides one dimension"),
        (SoftmaxReadout(spectrum="integer"), "spectrum must be one of"),
        (TanhReadout(width=8, hidden=7), "hidden must be at least width"),
        (TanhReadout(hidden=8, outputs=9), "hidden must be at least width and outputs"),
    ],
    ids=repr,
)
def test_models_that_cannot_be_built_say_why(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)

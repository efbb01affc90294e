"""Environments of chosen rank: the class that they leave is the one that the dials say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models.environment_readouts import EnvironmentReadouts


@given(
    st.integers(3, 12),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(0, 2),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_ranks_and_kernel_are_those_of_the_dials(width, rank, count, shared, seed):
    rank = min(rank, width - shared)
    model = EnvironmentReadouts(
        width=width, rank=rank, environments=count, shared=shared, repeats=count // 3
    )
    instance = model.sample(seed)
    stack = np.vstack(list(instance.jacobians))
    assert [np.linalg.matrix_rank(j) for j in instance.jacobians] == [rank] * count
    assert instance.kernel.shape == (width, model.lost)
    assert np.linalg.matrix_rank(stack, tol=1e-9) == width - model.lost
    np.testing.assert_allclose(stack @ instance.kernel, 0, atol=1e-13)
    np.testing.assert_allclose(instance.kernel.T @ instance.kernel, np.eye(model.lost), atol=1e-13)
    np.testing.assert_allclose(
        np.concatenate(instance.responses()), stack @ instance.vector, atol=1e-13
    )


def test_repeats_see_what_the_first_environment_sees():
    instance = EnvironmentReadouts(environments=3, repeats=1).sample(0)
    first, second, third = instance.jacobians
    assert np.linalg.matrix_rank(np.vstack([first, third])) == 3
    assert np.linalg.matrix_rank(np.vstack([first, second])) == 6
    assert np.abs(first - third).max() > 0.1


def test_the_odd_environment_has_another_vector_and_no_other_does():
    instance = EnvironmentReadouts(environments=3, odd=1).sample(0)
    away = [
        np.linalg.norm(r - j @ instance.vector)
        for j, r in zip(instance.jacobians, instance.responses(), strict=True)
    ]
    assert away[0] < 1e-14
    assert away[1] > 0.1
    assert away[2] < 1e-14


def test_noise_has_the_norm_ordered_in_each_environment():
    instance = EnvironmentReadouts(noise=0.25).sample(3)
    np.testing.assert_allclose(np.linalg.norm(instance.noise, axis=1), 0.25)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (EnvironmentReadouts(rank=6), "rank must lie between 1 and"),
        (EnvironmentReadouts(width=3, shared=1), "got 3 for 5 outputs and 2 dimensions"),
        (EnvironmentReadouts(repeats=4), "fewer than environments, got 4 of 4"),
        (EnvironmentReadouts(odd=4), "odd must be None or below 4"),
    ],
    ids=repr,
)
def test_models_that_cannot_be_built_say_why(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)

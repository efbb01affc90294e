"""The bottleneck MLP: a shared linear layer hides for good, one after a non-linearity does not."""

import numpy as np
import pytest
import torch

from toy_models import BottleneckMLP


@pytest.mark.parametrize("prompts", [1, 2, 5])
def test_a_shared_linear_bottleneck_keeps_its_kernel_whatever_the_prompts(prompts):
    instance = BottleneckMLP(bottleneck=3, prompts=prompts).sample(0)
    assert np.linalg.matrix_rank(instance.jacobian(), tol=1e-9) == 3
    assert instance.kernel.shape == (12, 9)


@pytest.mark.parametrize(("prompts", "rank"), [(1, 3), (2, 6), (3, 9), (4, 12), (5, 12)])
def test_after_a_nonlinearity_each_prompt_sees_others(prompts, rank):
    """The numbers of theory.md N3: width 3 in d = 12 has ranks 3, 6, 9, 12."""
    instance = BottleneckMLP(prompts=prompts, placement="after_nonlinearity").sample(0)
    assert np.linalg.matrix_rank(instance.jacobian(), tol=1e-9) == rank
    assert instance.kernel.shape == (12, 12 - rank)


def test_what_follows_the_bottleneck_is_injective():
    """Two states agree in all outputs only if they agree at the bottleneck: class = v + ker P."""
    instance = BottleneckMLP(width=4, bottleneck=2).sample(0)
    network = instance.continuations[0]
    rng = np.random.default_rng(1)
    for _ in range(50):
        first, second = torch.from_numpy(rng.standard_normal((2, 4)))
        apart = float((network(first) - network(second)).norm())
        passed = float(np.linalg.norm(network.projection @ (first - second).numpy()))
        assert apart > 1e-2 * passed


@pytest.mark.parametrize(
    "model",
    [
        BottleneckMLP(bottleneck=0),
        BottleneckMLP(width=3, bottleneck=4),
        BottleneckMLP(bottleneck=10, hidden=9),
        BottleneckMLP(hidden=21, outputs=20),
    ],
    ids=repr,
)
def test_sizes_that_lose_injectivity_are_refused(model):
    with pytest.raises(ValueError, match="bottleneck <= hidden <= outputs"):
        model.sample(0)

"""Vectors planted in a residual stream: what symmetry hides, and what a second prompt shows."""

import numpy as np
import pytest
import torch

from toy_models import TransformerBlocks
from toy_models.blocks import plant


def _singular(instance):
    jacobian = torch.func.jacrev(instance.observe)(torch.from_numpy(instance.vector))
    _, values, right = np.linalg.svd(jacobian.numpy())
    return values, right


@pytest.mark.parametrize(("layer", "position"), [(-1, -1), (0, 0), (0, 2), (1, 1), (2, -1)])
def test_constant_shift_is_invisible_in_pre_ln_at_any_layer_and_position(layer, position):
    instance = TransformerBlocks(layer=layer, position=position).sample(0)
    assert instance.kernel.shape == (8, 1)
    for logits, state in zip(instance.continuations, instance.states, strict=True):
        h = torch.from_numpy(state)
        assert (logits(h + 7.0) - logits(h)).abs().max() < 1e-12
        assert (logits(h + torch.arange(8.0)) - logits(h)).abs().max() > 1e-3


@pytest.mark.parametrize(
    "model",
    [
        TransformerBlocks(norm="rms"),
        TransformerBlocks(placement="post"),
        TransformerBlocks(final_norm=False),
    ],
    ids=["rms", "post", "no final norm"],
)
def test_constant_shift_shows_elsewhere(model):
    instance = model.sample(0)
    assert instance.kernel.shape == (8, 0)
    h = torch.from_numpy(instance.states[0])
    logits = instance.continuations[0]
    assert (logits(h + 7.0) - logits(h)).abs().max() > 0.1


def test_after_the_last_post_ln_block_only_the_final_norm_reads():
    assert TransformerBlocks(placement="post", layer=2).sample(0).kernel.shape == (8, 1)
    assert TransformerBlocks(placement="post", layer=1).sample(0).kernel.shape == (8, 0)


@pytest.mark.parametrize(("norm", "symmetry"), [("layer", 1), ("rms", 0)])
def test_one_prompt_hides_the_pulled_back_radial_direction_as_epsilon_vanishes(norm, symmetry):
    """N6c: its singular value falls with epsilon, its direction is (dh_L/dh_l)^-1 h_L."""
    smallest = []
    for epsilon in (1e-4, 1e-6):
        instance = TransformerBlocks(norm=norm, prompts=1, epsilon=epsilon).sample(0)
        values, right = _singular(instance)
        smallest.append(values[7 - symmetry] / values[0])
        h = torch.from_numpy(instance.states[0] + instance.vector)
        inner = torch.func.jacrev(lambda s, i=instance: i.last_state(0, s))(h)
        pulled = torch.linalg.solve(inner, instance.last_state(0, h)).numpy()
        pulled -= instance.kernel @ (instance.kernel.T @ pulled)
        pulled /= np.linalg.norm(pulled)
    assert abs(pulled @ right[7 - symmetry]) > 1 - 1e-6
    assert smallest[1] < 1e-5
    # First order in epsilon: a hundredfold smaller one, to the percent.
    assert smallest[0] / smallest[1] == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize(("norm", "rank"), [("layer", 7), ("rms", 8)])
def test_a_second_prompt_removes_the_radial_direction_and_nothing_else(norm, rank):
    values, _ = _singular(TransformerBlocks(norm=norm, prompts=2).sample(0))
    assert int(np.sum(values > 1e-4 * values[0])) == rank
    assert int(np.sum(values > 1e-13 * values[0])) == rank


def test_planting_at_the_state_itself_reproduces_the_prompt():
    instance = TransformerBlocks(position=1).sample(0)
    decoder = instance.decoder
    for prompt, (logits, state) in enumerate(
        zip(instance.continuations, instance.states, strict=True)
    ):
        stream = decoder.stream(instance.tokens[prompt], 2)
        assert torch.equal(logits(torch.from_numpy(state)), decoder.logits(stream[-1]))


def test_planting_in_a_rotated_decoder_rotates_what_is_planted():
    instance = TransformerBlocks(norm="rms").sample(0)
    rotation = torch.linalg.qr(torch.from_numpy(np.random.default_rng(1).normal(size=(8, 8))))[0]
    rotated = plant(
        instance.decoder.folded().rotated(rotation),
        instance.tokens,
        vector=rotation.numpy() @ instance.vector,
        layer=0,
        position=-1,
    )
    np.testing.assert_allclose(rotated.states, instance.states @ rotation.numpy().T, atol=1e-13)
    np.testing.assert_allclose(rotated.response(), instance.response(), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (TransformerBlocks(heads=3), "heads must divide width"),
        (TransformerBlocks(vocabulary=8), "vocabulary exceed it"),
        (TransformerBlocks(layer=3), "layer must lie in"),
        (TransformerBlocks(position=4), "position in"),
        (TransformerBlocks(layer=2, position=1), "only the last position reaches the logits"),
    ],
    ids=repr,
)
def test_what_cannot_be_planted_is_refused(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)

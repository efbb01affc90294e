"""The decoder against torch's own layers, and each symmetry where it holds and where it breaks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from toy_models import TransformerBlocks
from toy_models.decoder import Norm

WIDTH = 8


def _draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _logits(decoder, tokens):
    last = len(decoder.blocks) - 1
    return decoder.logits(decoder.stream(tokens, last)[-1])


def _assert_same(first, second, tolerance=1e-12):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


def _rotation():
    return torch.linalg.qr(_draw(WIDTH, WIDTH, seed=5))[0]


def _norm(kind):
    gain, shift = _draw(WIDTH, seed=1), _draw(WIDTH, seed=2)
    return Norm(kind, gain, shift if kind == "layer" else torch.zeros_like(shift), 1e-3)


def test_norms_are_torchs_own():
    x = _draw(5, WIDTH)
    layer, rms = _norm("layer"), _norm("rms")
    expected = F.layer_norm(x, (WIDTH,), layer.gain, layer.shift, 1e-3)
    _assert_same(layer(x), expected, 1e-14)
    expected = F.rms_norm(x, (WIDTH,), rms.gain, 1e-3)
    _assert_same(rms(x), expected, 1e-14)


def test_attention_is_torchs_own():
    (block, *_), stream = TransformerBlocks().sample(0).decoder.blocks, _draw(6, WIDTH)
    heads = [
        read(stream).reshape(6, 2, 4).transpose(0, 1)
        for read in (block.query, block.key, block.value)
    ]
    mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
    expected = mixed.transpose(0, 1).reshape(6, WIDTH) @ block.attention_write.T
    _assert_same(block._attention(stream), expected, 1e-13)


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_no_state_depends_on_later_tokens(placement):
    decoder = TransformerBlocks(placement=placement).sample(0).decoder
    tokens = torch.tensor([3, 1, 4, 1])
    whole, part = decoder.stream(tokens, 2), decoder.stream(tokens[:2], 2)
    _assert_same(whole[:2], part, 1e-13)
    assert not torch.allclose(whole[2], decoder.stream(torch.tensor([0, 0, 4, 1]), 2)[2])


@pytest.mark.parametrize("layer", [-1, 0, 2])
def test_resume_continues_where_stream_stopped(layer):
    decoder, tokens = TransformerBlocks().sample(0).decoder, torch.tensor([3, 1, 4])
    resumed = decoder.resume(decoder.stream(tokens, layer), layer)
    assert torch.equal(resumed, decoder.stream(tokens, 2))


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_folding_gains_keeps_the_function(norm):
    decoder, tokens = TransformerBlocks(norm=norm).sample(0).decoder, torch.tensor([3, 1, 4])
    folded = decoder.folded()
    torch.testing.assert_close(
        _logits(folded, tokens), _logits(decoder, tokens), atol=1e-12, rtol=0
    )
    norms = [folded.final_norm, *(b.mlp_norm for b in folded.blocks)]
    norms += [b.attention_norm for b in folded.blocks]
    assert all(torch.equal(n.gain, torch.ones(WIDTH).double()) for n in norms)
    assert all(not n.shift.any() for n in norms)


def test_folding_without_a_final_norm_and_of_post_ln():
    decoder = TransformerBlocks(final_norm=False).sample(0).decoder
    tokens = torch.tensor([3, 1, 4])
    _assert_same(_logits(decoder.folded(), tokens), _logits(decoder, tokens))
    with pytest.raises(ValueError, match="cannot be folded"):
        TransformerBlocks(placement="post").sample(0).decoder.folded()


def test_a_rotation_is_a_gauge_of_folded_rms_blocks():
    """N6d: same logits, and a stream that is the rotated one."""
    decoder, tokens = TransformerBlocks(norm="rms").sample(0).decoder.folded(), torch.arange(4)
    rotation = _rotation()
    rotated = decoder.rotated(rotation)
    torch.testing.assert_close(
        _logits(rotated, tokens), _logits(decoder, tokens), atol=1e-12, rtol=0
    )
    expected = decoder.stream(tokens, 1) @ rotation.T
    _assert_same(rotated.stream(tokens, 1), expected)


@pytest.mark.parametrize(
    ("model", "fold"),
    [
        (TransformerBlocks(norm="rms"), False),  # gains not folded
        (TransformerBlocks(norm="rms", write_gain=True), True),  # a gain on the write side
        (TransformerBlocks(norm="layer"), True),  # LayerNorm singles out the constant direction
    ],
    ids=["unfolded", "write gain", "layer norm"],
)
def test_a_rotation_is_no_gauge_otherwise(model, fold):
    decoder = model.sample(0).decoder
    decoder = decoder.folded() if fold else decoder
    tokens = torch.arange(4)
    rotated = _logits(decoder.rotated(_rotation()), tokens)
    assert (rotated - _logits(decoder, tokens)).abs().max() > 0.1


def test_rotating_one_block_only_is_no_gauge():
    """One rotation has to serve all layers."""
    decoder, tokens = TransformerBlocks(norm="rms").sample(0).decoder.folded(), torch.arange(4)
    first, *others = decoder.blocks
    mixed = replace(decoder, blocks=(first.rotated(_rotation()), *others))
    assert (_logits(mixed, tokens) - _logits(decoder, tokens)).abs().max() > 0.1


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_final_norm_has_degree_zero_up_to_its_epsilon(norm):
    h = _draw(WIDTH)
    for epsilon, most in ((1e-3, 1e-2), (1e-9, 1e-8)):
        decoder = TransformerBlocks(norm=norm, epsilon=epsilon).sample(0).decoder
        change = (decoder.logits(3 * h) - decoder.logits(h)).abs().max()
        assert 0 < change < most
    bare = TransformerBlocks(norm=norm, final_norm=False).sample(0).decoder
    assert (bare.logits(3 * h) - bare.logits(h)).abs().max() > 0.1

"""The attention of continuations against torch's own, and what it does not differentiate."""

from __future__ import annotations

import pytest
import torch

from llm_validation import prefix
from llm_validation.attention import NAME, attention, constant_prefix_attention
from llm_validation.memory import AllocatedBytes
from llm_validation.precision import TrueFloat64
from llm_validation.structure import decoder_of
from llm_validation.suffix import Suffix
from tests.llm_validation.architectures import prompt, tiny
from tests.llm_validation.full_forward import relative_error

HEADS, GROUPS, NEW, PREFIX, SIZE = 6, 2, 3, 7, 5


@pytest.fixture
def parts():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    past, own = draw(2, 2, GROUPS, PREFIX, SIZE), draw(2, 2, GROUPS, NEW, SIZE)
    return draw(2, HEADS, NEW, SIZE), past, own


def joined(past, own):
    return torch.cat([past[0], own[0]], dim=-2), torch.cat([past[1], own[1]], dim=-2)


def causal():
    rows = torch.arange(NEW)[:, None] + PREFIX
    mask = torch.zeros(1, 1, NEW, PREFIX + NEW, dtype=torch.float64)
    return mask.masked_fill(torch.arange(PREFIX + NEW) > rows, float("-inf"))


def reference(query, key, value, mask, scale, softcap=None):
    key, value = (x.repeat_interleave(HEADS // GROUPS, dim=1) for x in (key, value))
    if softcap is None:
        attended = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, scale=scale
        )
        return attended.transpose(1, 2)
    scores = torch.einsum("bhqe,bhke->bhqk", query, key) * scale
    weights = torch.softmax(softcap * torch.tanh(scores / softcap) + mask, -1)
    return torch.einsum("bhqk,bhke->bqhe", weights, value)


@pytest.mark.parametrize("softcap", [None, 0.8])
def test_equals_the_reference_with_its_gradients_to_the_new_tokens(parts, softcap):
    query, past, own = parts
    # As in transformers the softmax asks for float32; float64 is the mode's work.
    with TrueFloat64():
        found, weights = constant_prefix_attention(
            torch.nn.Identity(), query, *joined(past, own), causal(), scaling=0.3, softcap=softcap
        )
    expected = reference(query, *joined(past, own), causal(), 0.3, softcap)
    assert relative_error(found, expected) < 1e-14
    assert weights.shape == (2, HEADS, NEW, PREFIX + NEW)
    cotangent = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).double()
    mine = torch.autograd.grad(found, (query, own), cotangent)
    theirs = torch.autograd.grad(expected, (query, own), cotangent)
    for one, other in zip(mine, theirs, strict=True):
        assert relative_error(one, other) < 1e-13


def test_the_prefix_is_constant(parts):
    query, past, own = parts
    found, _ = constant_prefix_attention(torch.nn.Identity(), query, *joined(past, own), None)
    (gradient,) = torch.autograd.grad(found.sum(), past)
    assert not gradient.any()


def test_scaling_is_by_the_root_of_the_width_by_default(parts):
    query, past, own = parts
    found, _ = constant_prefix_attention(torch.nn.Identity(), query, *joined(past, own), None)
    expected = reference(query, *joined(past, own), None, SIZE**-0.5)
    assert relative_error(found, expected) < 1e-6  # the softmax is in float32 here


def test_the_choice_of_attention_is_undone_after_an_exception():
    config = tiny("llama").config
    with pytest.raises(KeyError), attention(config, NAME):
        assert config._attn_implementation == NAME
        raise KeyError
    assert config._attn_implementation == "eager"


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_new_tokens_are_not_cut_out_of_the_joined_keys_again(name, monkeypatch):
    """The same derivatives to the bit, and fewer bytes made in them, the more so the longer T."""

    def backward() -> tuple[torch.Tensor, list[int]]:
        sizes, gradients = [], []
        for length in (20, 60):
            suffix = Suffix(decoder_of(tiny(name)), prompt(length), 1, length - 1)
            row = suffix.state[None].clone().requires_grad_()
            final = suffix.for_derivatives(row).final[0, 0]
            basis = torch.eye(len(final), dtype=final.dtype)
            with AllocatedBytes() as made:
                (rows,) = torch.autograd.grad(final, row, basis, is_grads_batched=True)
            sizes.append(made.total)
            gradients.append(rows)
        return torch.cat(gradients), sizes

    found, sizes = backward()
    monkeypatch.setattr(prefix, "_remembering", lambda update: update)
    expected, larger = backward()
    assert torch.equal(found, expected)
    # 40 tokens more: scores alone, without a row of zeros for every key and value.
    assert sizes[1] - sizes[0] < 0.7 * (larger[1] - larger[0])

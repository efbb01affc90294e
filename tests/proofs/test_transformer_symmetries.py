"""N6 beyond its own check: others' decoders, constant gains, identities that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from proofs import transformer_symmetries
from proofs.checking import is_identity
from proofs.shared import decoder_symmetries
from proofs.shared.decoder_symmetries import (
    TINY,
    constant_shift_error,
    curve_error,
    epsilon_error,
    logit_shift_error,
    planted_decoder,
    radial_dimension_error,
    radial_direction_error,
    rotation_error,
    turned,
    with_shift_in_reach,
)
from proofs.transformer_symmetries import THEOREM, sample


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def instance(rng):
    return sample(rng)


def identity(beginning):
    return next(i for i in THEOREM.symbolic.identities() if i.claim.startswith(beginning))


def steered_logits(model, blocks, layer, amount):
    """Of the last token, with ``amount`` added to the output of a block at every position."""
    tokens = torch.tensor([[3, 1, 4, 1, 5]])

    def add(module, inputs, output):
        if isinstance(output, tuple):
            return (output[0] + amount, *output[1:])
        return output + amount

    handle = blocks[layer].register_forward_hook(add)
    try:
        with torch.no_grad():
            return model(tokens).logits[0, -1]
    finally:
        handle.remove()


def test_constant_shift_is_invisible_to_gpt2_and_not_to_llama():
    torch.manual_seed(0)
    size = {"vocab_size": 32, "bos_token_id": 0, "eos_token_id": 0}
    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=3, n_head=2, n_positions=16, **size))
    llama = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=2,
            **size,
        )
    )
    gpt2, llama = gpt2.double().eval(), llama.double().eval()
    for layer in range(3):
        before = steered_logits(gpt2, gpt2.transformer.h, layer, 0.0)
        after = steered_logits(gpt2, gpt2.transformer.h, layer, 2.0)
        assert after == pytest.approx(before, abs=1e-12)
        before = steered_logits(llama, llama.model.layers, layer, 0.0)
        after = steered_logits(llama, llama.model.layers, layer, 2.0)
        assert float((after - before).abs().max()) > 1e-3


@pytest.mark.parametrize("tied", [False, True])
def test_tied_embeddings_turn_too_where_there_is_no_final_gain(instance, rng, tied):
    plain = planted_decoder(rng, "rms", gain=False).decoder
    if tied:
        plain = replace(plain, unembedding=replace(plain.unembedding, matrix=plain.embedding))
    other = turned(plain.folded(), instance.rotations)
    if tied:
        same = replace(other.unembedding, matrix=other.embedding)
        other = replace(other, unembedding=same)
    assert rotation_error(replace(instance, original=plain, turned=other)) < 1e-12


def test_a_norm_without_gain_on_the_writes_turns_too(instance, rng):
    decoder = planted_decoder(rng, "rms", write_gain=True).decoder
    bare = tuple(replace(b, write_norm=b.write_norm.bare) for b in decoder.blocks)
    decoder = replace(decoder, blocks=bare)
    other = turned(decoder.folded(), instance.rotations)
    assert rotation_error(replace(instance, original=decoder, turned=other)) < 1e-12


def test_the_vector_has_to_turn_with_the_basis(instance):
    assert rotation_error(instance) < 1e-12
    left = (torch.eye(TINY["width"], dtype=torch.float64), *instance.rotations[1:])
    assert rotation_error(replace(instance, rotations=left)) > 1e-2


def test_a_vector_sparse_in_one_basis_is_dense_in_an_equivalent_one(instance):
    assert int((instance.vector != 0).sum()) == 1
    assert int(((instance.rotations[0] @ instance.vector).abs() > 1e-3).sum()) > 1
    assert rotation_error(instance) < 1e-12


def test_the_null_direction_is_that_of_the_pulled_back_state_only(instance):
    assert radial_direction_error(instance, instance.pulled_back) < 1e-10
    pushed = instance.radial_map @ instance.last
    assert radial_direction_error(instance, pushed / np.linalg.norm(pushed)) > 1e-2
    transposed = np.linalg.solve(instance.radial_map.T, instance.last)
    assert radial_direction_error(instance, transposed / np.linalg.norm(transposed)) > 1e-2
    assert radial_dimension_error(instance) == 0
    assert radial_dimension_error(instance, claimed=0) == 1


def test_the_curve_bends(instance):
    assert curve_error(instance) < 1e-12
    assert curve_error(instance, straight=True) > 1e-6


@pytest.mark.parametrize("epsilon", [1e-6, 1e-2, 1.0])
def test_the_image_of_the_radial_direction_grows_with_epsilon(instance, epsilon):
    square = float(np.mean(instance.last**2))
    if instance.radial.decoder.final_norm.kind == "layer":
        square = float(np.var(instance.last))
    right = epsilon / (square + epsilon)
    assert epsilon_error(instance, epsilon, factor=right) < 1e-10
    assert epsilon_error(instance, epsilon, factor=epsilon / square) > 0.1 * right**2
    assert epsilon_error(instance, epsilon, factor=2 * right) > 0.9 * right


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_shift_hides_a_direction_iff_it_is_in_reach(instance, rng, norm):
    free = planted_decoder(rng, norm, prompts=1, epsilon=0.0)
    for radial, hidden in ((free, 0), (with_shift_in_reach(free, rng), 1)):
        found = replace(instance, radial=radial)
        assert logit_shift_error(found) == 0
        assert logit_shift_error(found, hidden=hidden) == 0
        assert logit_shift_error(found, hidden=1 - hidden) == 1


def test_shifts_by_anything_but_a_constant_are_seen(instance, monkeypatch):
    assert constant_shift_error(instance) < 1e-12
    ramp = torch.linspace(0, 1, TINY["width"], dtype=torch.float64)
    monkeypatch.setattr(decoder_symmetries, "SHIFTS", (ramp,))
    assert constant_shift_error(instance) > 1e-2


def test_norm_identities_fail_without_the_mean_or_with_a_wrong_mean_square(monkeypatch):
    def wrong(h, eps, centre=False):
        return h / sp.sqrt(h.dot(h) + eps)

    monkeypatch.setattr(transformer_symmetries, "_norm", wrong)
    for beginning in ("(b) LayerNorm", "(b) RMSNorm moves", "(c) dn"):
        changed = identity(beginning)
        difference = changed.left - changed.right
        # Symbolic simplification of what is false is slow; one point refutes it.
        symbols = sorted(difference.free_symbols, key=str)
        point = {symbol: 2 + k for k, symbol in enumerate(symbols)}
        assert max(abs(entry) for entry in difference.subs(point).evalf()) > 1e-6, beginning


def test_commutators_vanish_only_where_stated():
    theta, g1, g2 = sp.symbols("theta g1 g2", real=True)
    gains = identity("(d) gains")
    assert gains.left.subs(g2, g1).is_zero_matrix
    assert gains.left.subs(theta, sp.pi).is_zero_matrix
    assert not is_identity(replace(gains, right=-gains.right))
    mean = identity("(d) d = 2")
    assert not is_identity(replace(mean, right=-mean.right))
    assert sp.simplify(mean.left.subs(theta, sp.pi / 2)) != sp.zeros(2, 2)

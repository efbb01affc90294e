"""The fold of the head, repeats to the bit, bfloat16 weights; products against dense metrics."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from identifiability import FisherOperator, JacobianOperator, Spectrum
from identifiability.null_end import smallest_eigenpairs
from llm_validation.continuation import Continuation
from llm_validation.fisher import HeadMetric
from tests.llm_validation.architectures import ARCHITECTURES, WIDTH, WORDS, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import full_logits

pytestmark = pytest.mark.usefixtures("device")


def drawn(width: int = 37, words: int = 101):
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(words, width, generator=generator, dtype=torch.float64)
    slopes = torch.rand(words, generator=generator, dtype=torch.float64) + 0.5
    logits = 3 * torch.randn(words, generator=generator, dtype=torch.float64)
    return here(weight), here(slopes), here(torch.softmax(logits, -1))


def definition(weight, slopes, probabilities):
    rows = slopes[:, None] * weight
    middle = torch.diag(probabilities) - torch.outer(probabilities, probabilities)
    return rows.T @ middle @ rows


# A width that four panels do not divide, one below their number, and an ordinary one.
@pytest.mark.parametrize("width", [37, 3, 64])
@pytest.mark.parametrize("words_at_once", [None, 1, 10, 101])
def test_the_folded_head_is_the_definition(width, words_at_once):
    parts = drawn(width)
    metric, expected = HeadMetric(*parts, words_at_once=words_at_once), definition(*parts)
    found = metric.dense()
    assert torch.equal(found, found.T)
    assert (found - expected).abs().max() < 1e-13 * expected.abs().max()
    vectors = here(torch.linspace(-1, 2, 2 * width, dtype=torch.float64).sin().view(2, width))
    product = vectors @ expected
    assert (metric.times(vectors) - product).abs().max() < 1e-12 * product.abs().max()


def test_a_logit_common_to_all_words_is_not_seen_even_if_it_is_large():
    weight, slopes, probabilities = drawn()
    shifted = weight + 1e6
    ones = torch.ones_like(slopes)
    found = HeadMetric(shifted, ones, probabilities).dense()
    # Centred first, the metric loses the six digits of the shift once and not twice.
    expected = definition(weight, ones, probabilities)
    assert (found - expected).abs().max() < 1e-8 * expected.abs().max()


def test_products_in_float32_do_not_lose_what_all_words_have_in_common():
    """Rows of an embedding share a large part, which every metric is blind to."""
    weight, slopes, probabilities = drawn()
    single = (weight + 100).float()
    ones = torch.ones_like(slopes)
    vectors = here(torch.linspace(-1, 2, 37).sin()[None])
    found = HeadMetric(single, ones.float(), probabilities).times(vectors)
    expected = vectors.double() @ definition(single.double(), ones, probabilities)
    # The mean of rows near 100 is rounded at 6e-6 of an entry of order one; uncentred products
    # would square the hundred.
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_half_precision_weights_are_summed_in_float64():
    weight, slopes, probabilities = drawn()
    half = weight.bfloat16()
    found = HeadMetric(half, slopes.bfloat16(), probabilities).dense()
    expected = definition(half.double(), slopes.bfloat16().double(), probabilities)
    assert found.dtype == torch.float64
    # Products in float32, not in bfloat16, whose rounding is 4e-3.
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", ["gpt2", "llama", "mixtral"])
def test_a_repeat_is_equal_to_the_bit(name):
    model = tiny(name, torch.float32)
    first = Continuation(model, prompt(), 1, 5).fisher()
    assert np.array_equal(first, Continuation(model, prompt(), 1, 5).fisher())


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_bfloat16_weights_give_the_metric_to_their_rounding(name):
    """Against float64 with the same rounded weights, at the same state."""
    half = tiny(name, torch.bfloat16)
    continuation = Continuation(half, prompt(), 1)
    found = continuation.fisher()
    wide = copy.deepcopy(half).double()
    expected = Continuation(wide, prompt(), 1).fisher(continuation.state.double())
    # 2^-9 on average at each of about 2 (value and slope) x 2 (blocks left) x 20 operations in a
    # row, adding up at random, in each of the two Jacobians; and the probabilities, by the rounding
    # of logits below 16.
    unit, operations = 2.0**-9, 80
    tolerance = 2 * unit * operations**0.5 + 2 * unit * float(continuation.logits.abs().max())
    assert found.dtype == np.float64 and np.array_equal(found, found.T)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 1e-4 < error < tolerance


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_products_with_the_operator_are_those_with_the_metric(name):
    continuation = Continuation(tiny(name), prompt(), 1, 5)
    metric = continuation.fisher()
    operator = continuation.fisher_operator()
    assert operator.shape == (WIDTH, WIDTH) and operator.symmetric
    assert np.abs(operator @ np.eye(WIDTH) - metric).max() < 1e-12 * np.abs(metric).max()


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "opt_post_ln", "bloom"])
def test_products_with_the_jacobian_are_those_of_the_full_forward_pass(name):
    """``gemma2`` caps its logits; the head of ``opt_post_ln`` is narrower than its stream."""
    model, ids = tiny(name), prompt()
    continuation = Continuation(model, ids, 1, 5)
    state = continuation.state + 0.1
    dense = torch.autograd.functional.jacobian(lambda h: full_logits(model, ids, 1, 5, h), state)
    dense = dense.cpu().numpy()
    operator = continuation.jacobian_operator(state)
    assert operator.shape == (WORDS, WIDTH)
    scale = np.abs(dense).max()
    assert np.abs(operator @ np.eye(WIDTH) - dense).max() < 1e-11 * scale
    assert np.abs(operator.T @ np.eye(WORDS) - dense.T).max() < 1e-11 * scale


def test_products_agree_with_forward_mode():
    continuation = Continuation(tiny("qwen3"), prompt(), 0)
    forward = JacobianOperator(continuation, continuation.state)
    vector = np.linspace(-1, 1, WIDTH)
    found = continuation.jacobian_operator() @ vector
    assert found == pytest.approx(forward @ vector, rel=1e-11, abs=1e-12)
    assert continuation.fisher_operator() @ vector == pytest.approx(
        FisherOperator(forward) @ vector, rel=1e-10, abs=1e-12
    )


def test_a_product_takes_two_backward_passes_and_no_forward_pass(monkeypatch):
    model = tiny("llama")
    operator = Continuation(model, prompt(), 1).fisher_operator()
    operator @ np.ones(WIDTH)  # builds the graph of the pullback
    grad, passes = torch.autograd.grad, []
    handle = model.register_forward_pre_hook(lambda *_: passes.append("forward"))

    def counted(*args, **named):
        passes.append("backward")
        return grad(*args, **named)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    operator @ np.linspace(0, 1, WIDTH)
    handle.remove()
    assert passes == ["backward", "backward"]


def test_the_null_end_of_a_model_is_found_without_its_metric():
    """Pre-LN: the constant direction is exactly null (theory.md N6b), the others are dense ones."""
    continuation = Continuation(tiny("gpt2"), prompt(), 1)
    operator = continuation.fisher_operator()
    found = smallest_eigenpairs(operator, 3, rng=np.random.default_rng(0))
    spectrum = Spectrum.of(continuation.fisher())
    expected = np.sort(np.linalg.eigvalsh(continuation.fisher()))[:3]
    assert found.eigenvalues == pytest.approx(expected, abs=12 * found.floor)
    assert found.eigenvalues[0] <= max(found.floor, spectrum.noise_floor)
    # With two null directions (N6b and N6c) the constant one lies in their span.
    ones = np.ones(WIDTH) / WIDTH**0.5
    null = found.eigenvectors[:, found.eigenvalues <= 10 * found.floor]
    assert np.linalg.norm(null.T @ ones) == pytest.approx(1, abs=1e-6)


def test_real_model_in_float32_against_true_float64(smollm, smollm64, smollm_ids):
    """The accuracy that the benchmarks promise, for the metric and for products with it."""
    continuation = Continuation(smollm, smollm_ids, 15)
    found, operator = continuation.fisher(), continuation.fisher_operator()
    state = continuation.state.double()
    expected = Continuation(smollm64, smollm_ids, 15).fisher(state)
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)
    vectors = np.random.default_rng(0).standard_normal((len(expected), 2))
    product = expected @ vectors
    assert np.linalg.norm(operator @ vectors - product) < 1e-4 * np.linalg.norm(product)
    assert np.array_equal(found, continuation.fisher())

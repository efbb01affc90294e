"""The continuation of an encoder: the model itself with one state replaced, and what it hides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from identifiability.errors import InvalidInput
from llm_validation.encoder import EncoderContinuation
from llm_validation.output_covariance import OutputCovariance
from llm_validation.sentence_encoder import load_encoder
from tests.llm_validation.architectures import tiny
from tests.llm_validation.devices import here
from tests.llm_validation.encoders import (
    BLOCKS,
    CONFIGURATIONS,
    WIDTH,
    full_output,
    tiny_encoder,
    words,
)
from tests.llm_validation.full_forward import relative_error

pytestmark = pytest.mark.usefixtures("device")

POST_LN = tuple(name for name in CONFIGURATIONS if name != "modernbert")
TEXTS = (
    "This is an example sentence",
    "Quantum physics is hard to explain to my grandmother.",
    "Send the invoice today, please.",
)

# Rounding of some tens of operations in a row; float32 is 5e8 times coarser.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def displaced(state: torch.Tensor, size: float = 0.5, seed: int = 1) -> torch.Tensor:
    noise = torch.randn(len(state), generator=torch.Generator().manual_seed(seed)).to(state)
    return state + size * state.norm() * noise / noise.norm()


@pytest.fixture(scope="module")
def minilm():
    return load_encoder()


@pytest.fixture(scope="module")
def minilm64(minilm):
    return minilm.to_dtype("float64")


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("layer", range(BLOCKS))
@pytest.mark.parametrize("architecture", CONFIGURATIONS)
def test_it_is_the_model_with_one_state_replaced(architecture, layer, dtype):
    model, ids = tiny_encoder(architecture, torch.float64), words()
    model = model if dtype == torch.float64 else tiny_encoder(architecture, dtype)
    for position in (0, 4, -1):
        found = EncoderContinuation(model, ids, layer, position)
        own = full_output(model, ids, layer, found.position)
        assert relative_error(found.output, own) < TOLERANCE[dtype]
        h = displaced(found.state)
        expected = full_output(model, ids, layer, found.position, h)
        assert relative_error(found(h), expected) < TOLERANCE[dtype]
        assert relative_error(own, expected) > 1e-2  # the state matters, so the test can fail


@pytest.mark.parametrize("layer", range(BLOCKS))
@pytest.mark.parametrize("architecture", CONFIGURATIONS)
def test_the_jacobian_is_that_of_the_whole_model(architecture, layer):
    """Batched reverse mode against dense forward mode through the whole model."""
    model, ids = tiny_encoder(architecture), words()
    found = EncoderContinuation(model, ids, layer, 2)
    h = displaced(found.state)
    dense = torch.func.jacfwd(lambda state: full_output(model, ids, layer, 2, state))(h)
    assert relative_error(found.jacobian(h), dense) < 1e-12
    assert relative_error(torch.func.jacrev(found)(h), dense) < 1e-12


def test_states_come_in_any_batch_and_in_chunks():
    found = EncoderContinuation(tiny_encoder("bert"), words(), 1)
    many = displaced(found.state) + here(
        torch.randn(7, 30, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    singly = torch.stack([torch.stack([found(h) for h in row]) for row in many])
    assert found(many).shape == (7, 30, WIDTH)
    assert relative_error(found(many), singly) < 1e-13


@pytest.fixture(scope="module")
def covariance():
    model = tiny_encoder("bert")
    outputs = [full_output(model, words(seed=s), 0, 0).cpu().numpy() for s in range(4 * WIDTH)]
    return OutputCovariance.of(np.stack(outputs))


def test_fisher_is_the_second_order_of_the_gaussian_divergence(covariance):
    found = EncoderContinuation(tiny_encoder("bert"), words(), 0)
    metric = found.fisher(covariance)
    jacobian = torch.func.jacfwd(found)(found.state).cpu().numpy()
    expected = jacobian.T @ np.linalg.inv(covariance.matrix) @ jacobian
    assert np.abs(metric - expected).max() < 1e-10 * np.abs(expected).max()
    assert metric.dtype == np.float64 and np.array_equal(metric, metric.T)
    direction = displaced(torch.zeros_like(found.state) + 1).cpu().numpy()
    sizes = 10.0 ** -np.arange(1, 5)
    kl = found.kl(sizes[:, None] * direction, covariance)
    ratio = kl / (sizes**2 / 2 * (direction @ metric @ direction))
    # The next term of KL is of third order: the ratio leaves 1 in proportion to the size.
    assert np.all(np.abs(ratio - 1)[1:] < 0.2 * np.abs(ratio - 1)[:-1]), ratio


def test_kl_at_another_base_is_that_of_two_outputs(covariance):
    found = EncoderContinuation(tiny_encoder("bert"), words(), 1)
    base, delta = displaced(found.state), displaced(found.state, seed=2) - found.state
    change = full_output(tiny_encoder("bert"), words(), 1, 0, base + delta) - found(base)
    change = change.cpu().numpy()
    expected = change @ np.linalg.solve(covariance.matrix, change) / 2
    assert found.kl(delta, covariance, base) == pytest.approx(expected, rel=1e-10)
    assert found.kl(torch.zeros(2, 3, WIDTH), covariance, base).shape == (2, 3)


@pytest.mark.parametrize("layer", [0, 3, 5])
def test_minilm_is_the_model_with_one_state_replaced(minilm, minilm64, layer):
    for encoder, dtype in ((minilm, torch.float32), (minilm64, torch.float64)):
        found = EncoderContinuation(encoder, TEXTS[0], layer)
        ids = torch.tensor([encoder.tokenizer(TEXTS[0])["input_ids"]])
        own = full_output(encoder.model, ids, layer, 0)
        h = displaced(found.state)
        assert relative_error(found.output, own) < TOLERANCE[dtype]
        expected = full_output(encoder.model, ids, layer, 0, h)
        assert relative_error(found(h), expected) < TOLERANCE[dtype]


def test_minilm_jacobian_against_central_differences(minilm64):
    found = EncoderContinuation(minilm64, TEXTS[0], 2)
    jacobian = found.jacobian()
    directions = torch.randn(4, 384, generator=torch.Generator().manual_seed(3)).double()
    # The error of a central difference is O(step²) + O(1e-16 / step): 1e-8 and 1e-12 at 1e-4.
    step = 1e-4
    base = found.state
    central = (found(base + step * directions) - found(base - step * directions)) / (2 * step)
    assert relative_error(directions @ jacobian.T, central) < 1e-6


def test_minilm_float32_jacobian_against_float64(minilm, minilm64):
    single = EncoderContinuation(minilm, TEXTS[1], 3).jacobian()
    double = EncoderContinuation(minilm64, TEXTS[1], 3).jacobian()
    assert single.dtype == torch.float32
    assert relative_error(single.double(), double) < 1e-4


def test_the_same_for_a_text_its_ids_and_a_row_of_them(minilm):
    text, ids = TEXTS[0], minilm.tokenizer(TEXTS[0])["input_ids"]
    outputs = [EncoderContinuation(minilm, x, 4).output for x in (text, ids, [ids])]
    assert torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])


def test_the_default_position_is_the_first_and_minus_one_the_last_layer(minilm):
    found = EncoderContinuation(minilm, TEXTS[0], -1)
    assert (found.layer, found.position) == (5, 0)


def test_no_hook_and_no_gradient_is_left_behind():
    model = tiny_encoder("bert")
    found = EncoderContinuation(model, words(), 1)
    found.jacobian()
    with pytest.raises(InvalidInput):
        found(np.zeros(3))
    assert not any(part._forward_hooks for part in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not found.state.requires_grad and not found.output.requires_grad


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: EncoderContinuation(m, words(), 3), "layer must be between -3 and 2"),
        (lambda m: EncoderContinuation(m, words(), 1, 9), "position must be between -9 and 8"),
        (lambda m: EncoderContinuation(m, words(21), 1), "context of 20 tokens, got 21"),
        (lambda m: EncoderContinuation(m, [[99]], 1), "between 0 and 66, got 99"),
        (lambda m: EncoderContinuation(m, "a text", 1), "comes without a tokenizer"),
        (lambda m: EncoderContinuation(m, words(), 1)(np.zeros(8)), r"h must be \(\.\.\., 16\)"),
        (lambda m: EncoderContinuation(m, words(), 1).jacobian(np.zeros((2, 16))), "pick one row"),
        (lambda m: EncoderContinuation(m, words(), 1).fisher(np.eye(16)), "OutputCovariance.of"),
        (
            lambda m: EncoderContinuation(m, words(), 1).fisher(OutputCovariance(np.eye(4))),
            "that of 4 outputs, this observable has 16",
        ),
        (lambda _: EncoderContinuation(3, words(), 1), "got int; call load_encoder"),
        (
            lambda _: EncoderContinuation(tiny("llama"), words(), 1),
            "LlamaForCausalLM is not a bidirectional encoder.*Continuation",
        ),
        (
            lambda _: EncoderContinuation(
                transformers.AlbertModel(
                    transformers.AlbertConfig(
                        hidden_size=16, num_attention_heads=4, vocab_size=67, num_hidden_layers=3
                    )
                ),
                words(),
                1,
            ),
            "keeps no list of 3 blocks",
        ),
        (
            lambda _: EncoderContinuation(
                transformers.BertModel(CONFIGURATIONS["bert"]()).train(), words(), 1
            ),
            "is in training mode",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        call(tiny_encoder("bert"))
    assert "\n" not in str(raised.value)


def test_a_pass_that_is_not_reproduced_is_refused(monkeypatch):
    """A block that looks at the size of its batch cannot be run for many states of one text."""
    model = tiny_encoder("bert")
    block = model.encoder.layer[1]
    forward = block.forward

    def uneven(hidden, *args, **named):
        output = forward(hidden, *args, **named)
        noise = 1 + torch.linspace(0, 0.1, hidden.shape[-1]).to(hidden)
        calls.append(0)
        return output * noise if len(calls) == 1 else output

    calls: list[int] = []
    monkeypatch.setattr(block, "forward", uneven)
    with pytest.raises(InvalidInput, match="does not give its own output again"):
        EncoderContinuation(model, words(), 0)


def test_without_unit_length_the_pooled_state_is_the_output(minilm):
    plain = replace(minilm, normalise=False)
    found, unit = (EncoderContinuation(e, TEXTS[0], 1).output for e in (plain, minilm))
    assert relative_error(found / found.norm(), unit) < 1e-6
    assert found.norm() > 2


def test_a_decoder_is_not_loaded_as_an_encoder():
    with pytest.raises(InvalidInput, match=r"'smollm2-135m' is not an encoder.*load_model"):
        load_encoder("smollm2-135m")

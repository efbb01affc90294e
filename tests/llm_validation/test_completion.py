"""Completions against full forward passes of every one of their beginnings (theory.md N10)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.completion import Completion
from llm_validation.continuation import Continuation
from llm_validation.hooks import steer
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import ARCHITECTURES, WIDTH, WORDS, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import full_logits, relative_error

pytestmark = pytest.mark.usefixtures("device")


COMPLETION = [9, 40, 3, 21]
LENGTH = 11
LAYER = 1
# Relative to the largest logit: about a hundred roundings of each dtype.
EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
# The oracle is the model's own forward, whose experts have no float64 kernel on the CPU.
MIXTURES = {"gpt_oss", "mixtral"}


def beginnings():
    """The prompt followed by 0, 1, ... tokens of the completion: what each is predicted from."""
    ids = prompt(LENGTH)
    for size in range(len(COMPLETION)):
        yield torch.cat([ids, here([COMPLETION[:size]]).long()], dim=1)


def own_state(model, position: int) -> torch.Tensor:
    return Continuation(model, list(beginnings())[-1], LAYER, position).state


def dense_jacobians(model, positions) -> np.ndarray:
    """(n, V, d): the sum over the steered positions of one full forward Jacobian each."""
    total = []
    for ids in beginnings():
        jacobian = here(torch.zeros(WORDS, WIDTH, dtype=torch.float64))
        for position in (p for p in positions if p < ids.shape[1]):
            jacobian += torch.autograd.functional.jacobian(
                lambda h, ids=ids, position=position: full_logits(model, ids, LAYER, position, h),
                own_state(model, position),
            )
        total.append(jacobian)
    return torch.stack(total).cpu().numpy()


def displacement(scale: float = 0.3) -> torch.Tensor:
    noise = torch.randn(WIDTH, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    return here(scale * noise)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_of_every_token_are_those_of_a_forward_pass_of_what_comes_before(name):
    dtype = torch.float32 if name in MIXTURES else torch.float64
    model, delta, tolerance = tiny(name, dtype), displacement().to(dtype), EXACT[dtype]
    completion = Completion(model, prompt(LENGTH), COMPLETION, LAYER)
    assert completion.logits.shape == (len(COMPLETION), WORDS)
    found = completion(delta)
    state = Continuation(model, prompt(LENGTH), LAYER).state
    for row, own, ids in zip(found, completion.logits, beginnings(), strict=True):
        expected = full_logits(model, ids, LAYER, LENGTH - 1, state + delta)
        assert relative_error(row, expected) < tolerance
        assert relative_error(own, full_logits(model, ids, LAYER, 0, None)) < tolerance
        assert relative_error(own, expected) > 1e-3


POSITIONS = {
    "last": [10],
    "prompt": list(range(11)),
    "generated": [11, 12, 13],
    "all": list(range(14)),
    "two": [4, 12],
}


@pytest.mark.parametrize("named", POSITIONS)
@pytest.mark.parametrize("name", ["gpt2", "mistral", "gemma2"])
def test_the_metric_is_the_sum_over_tokens_of_dense_ones(name, named):
    model, positions = tiny(name), POSITIONS[named]
    completion = Completion(
        model, prompt(LENGTH), COMPLETION, LAYER, positions if named == "two" else named
    )
    assert completion.positions == tuple(positions)
    expected = np.zeros((WIDTH, WIDTH))
    for jacobian, logits in zip(dense_jacobians(model, positions), completion.logits, strict=True):
        p = torch.softmax(logits, -1).cpu().numpy()
        expected += jacobian.T @ (np.diag(p) - np.outer(p, p)) @ jacobian
    found = completion.fisher()
    assert np.linalg.norm(found - expected) < 1e-10 * np.linalg.norm(expected)
    product = completion.fisher_operator() @ np.eye(WIDTH)
    assert np.linalg.norm(product - expected) < 1e-10 * np.linalg.norm(expected)


def test_the_jacobian_operator_stacks_the_tokens():
    model = tiny("llama")
    completion = Completion(model, prompt(LENGTH), COMPLETION, LAYER, "all")
    dense = dense_jacobians(model, range(14)).reshape(-1, WIDTH)
    operator = completion.jacobian_operator()
    assert operator.shape == (len(COMPLETION) * WORDS, WIDTH)
    assert np.abs(operator @ np.eye(WIDTH) - dense).max() < 1e-11 * np.abs(dense).max()
    cotangents = np.random.default_rng(0).standard_normal((len(dense), 3))
    expected = dense.T @ cotangents
    assert np.abs(operator.rmatmat(cotangents) - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("positions", ["prompt", "all"])
def test_a_displacement_everywhere_is_what_the_steering_hook_does(positions):
    model, delta = tiny("qwen2"), displacement()
    ids = list(beginnings())[-1]
    mask = torch.zeros(1, ids.shape[1], dtype=torch.bool)
    mask[:, POSITIONS[positions]] = True
    with steer(model, delta, LAYER, 1.0, mask), torch.no_grad():
        expected = model(input_ids=ids, use_cache=False).logits[0, -len(COMPLETION) :]
    found = Completion(model, prompt(LENGTH), COMPLETION, LAYER, positions)(delta)
    assert relative_error(found, expected) < 1e-12


def test_kl_is_summed_over_tokens_and_its_quadratic_part_is_the_metric():
    completion = Completion(tiny("llama"), prompt(LENGTH), COMPLETION, LAYER, "prompt")
    direction = displacement(1.0).cpu().numpy()
    direction /= np.linalg.norm(direction)
    quadratic = direction @ completion.fisher() @ direction / 2
    errors = []
    for size in (0.02, 0.01, 0.005):
        delta = size * torch.tensor(direction)
        p, q = (torch.log_softmax(completion(x), -1) for x in (torch.zeros(WIDTH), delta))
        found = completion.kl(delta)
        assert found == pytest.approx(float((p.exp() * (p - q)).sum()), rel=1e-6)
        errors.append(abs(float(found) - size**2 * quadratic))
    # A remainder of third order falls by 8 at every halving, the fourth bends it a little.
    assert np.log2(errors[0] / errors[2]) == pytest.approx(6, abs=0.6)
    # A batch of two is rounded otherwise than the one that it is compared with.
    assert completion.kl(np.zeros((2, WIDTH))) == pytest.approx([0, 0], abs=1e-25)


def test_more_tokens_never_see_less_and_one_token_is_the_continuation():
    """theory.md N10, more text: G_seq is a sum of metrics."""
    model, ids = tiny("llama"), prompt(LENGTH)
    one = Completion(model, ids, COMPLETION[:1], LAYER).fisher()
    single = Continuation(model, ids, LAYER).fisher()
    assert np.abs(one - single).max() < 1e-12 * np.abs(single).max()
    longer = Completion(model, ids, COMPLETION, LAYER).fisher()
    assert np.linalg.eigvalsh(longer - single).min() > -1e-12 * np.abs(longer).max()
    # N6c: one prompt, one token leaves a null direction; a second token removes it.
    floor = 1e-13 * np.abs(longer).max()
    assert np.linalg.eigvalsh(single)[0] < floor < 1e3 * floor < np.linalg.eigvalsh(longer)[0]


def test_all_positions_and_the_last_one_have_classes_that_neither_contains():
    """theory.md N10: the kernel of a sum is not the sum of kernels."""
    model, ids = tiny("gpt2"), prompt(LENGTH)
    metrics = {
        where: Completion(model, ids, COMPLETION[:1], LAYER, where).fisher()
        for where in ("last", "prompt")
    }
    values, vectors = np.linalg.eigh(metrics["last"])
    null = vectors[:, values < 1e-13 * values[-1]]
    seen = np.linalg.eigvalsh(null.T @ metrics["prompt"] @ null)
    assert null.shape[1] >= 2  # N6b's, which both have, and N6c's, which several positions see
    assert seen[0] < 1e-13 * values[-1] and seen[-1] > 1e-9 * values[-1]


def test_the_prefix_before_the_first_steered_position_runs_once():
    model = tiny("llama")
    completion = Completion(model, prompt(LENGTH), COMPLETION, LAYER, [12, 5])
    tokens: list[int] = []
    handle = (
        decoder_of(model)
        .blocks[0]
        .register_forward_pre_hook(lambda _block, inputs: tokens.append(inputs[0].shape[1]))
    )
    completion(displacement())
    handle.remove()
    assert tokens == [LENGTH + len(COMPLETION) - 1 - 5]


@pytest.mark.parametrize(
    ("completion", "positions", "sentence"),
    [
        ([], "last", "at least one token"),
        ([3], "generated", "at least one token that is read"),
        ([3, 4], [2, -9], r"each once, got \[2, -9\] for a prompt of 11 and 1 more"),
        ([3, 4], "everywhere", "one of last, prompt, generated, all, or integers"),
        ([3, 4], [12], "position must be between -12 and 11"),
        ([3, 4], [-12], "position must be between -11 and 10"),
        ([3, 4], [1.5], "position must be an integer"),
        ([3] * 55, "last", "fit the context of 64 tokens, got 65"),
        ([3, 99], "last", "between 0 and 66, got 99"),
    ],
)
def test_bad_input_is_one_sentence(completion, positions, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        Completion(tiny("llama"), prompt(LENGTH), completion, LAYER, positions)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("tokens", [1, 2, 4])
def test_a_longer_completion_takes_no_more_passes(monkeypatch, tokens):
    """One for each direction of the state, where reverse mode takes one for each output."""
    completion = Completion(tiny("llama"), prompt(LENGTH), COMPLETION[:tokens], LAYER)
    grad, rows = torch.autograd.grad, []

    def counted(*args, **named):
        if named.get("is_grads_batched"):
            rows.append(len(args[2]))
        return grad(*args, **named)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    completion.fisher()
    assert sum(rows) == {1: WIDTH, 2: 2 * WIDTH, 4: WIDTH}[tokens]

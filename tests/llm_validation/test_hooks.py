"""Reading against the model's own hidden states, steering against arithmetic on them."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.hooks import Halt, edit_output, read_states, steer
from tests.llm_validation.architectures import ARCHITECTURES, BLOCKS, WIDTH, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import relative_error

pytestmark = pytest.mark.usefixtures("device")


VECTOR = np.random.default_rng(0).standard_normal(WIDTH)
LENGTH = prompt().shape[1]


def hooks_of(model):
    return [part for part in model.modules() if part._forward_hooks or part._forward_pre_hooks]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_states_are_those_after_the_block_and_not_one_off(name):
    """``hidden_states`` of transformers: entry i + 1 is after block i, and the last is normed."""
    model = tiny(name, torch.float32)
    own = model(input_ids=prompt(), output_hidden_states=True).hidden_states
    found = read_states(model, prompt(), range(BLOCKS))
    assert found.shape == (BLOCKS, LENGTH, WIDTH)
    for layer in range(BLOCKS - 1):
        assert torch.equal(found[layer], own[layer + 1][0]), layer
        assert not torch.equal(found[layer], own[layer][0]), layer
    assert torch.equal(read_states(model, prompt(), -1), found[-1])


def test_several_layers_come_in_the_order_asked():
    model = tiny("llama")
    found = read_states(model, prompt()[0].tolist(), [2, 0, 2])
    assert torch.equal(found[0], read_states(model, prompt(), 2))
    assert torch.equal(found[1], read_states(model, prompt(), 0))
    assert torch.equal(found[2], found[0])


def test_reading_stops_after_the_last_layer_asked():
    model = tiny("llama")
    reached = []
    handle = model.model.layers[2].register_forward_hook(lambda *_: reached.append(1))
    read_states(model, prompt(), 1)
    assert not reached
    read_states(model, prompt(), 2)
    assert reached
    handle.remove()
    assert not hooks_of(model)


@pytest.mark.parametrize("name", ["gpt2", "bloom", "llama", "gemma2"])
def test_steering_the_last_position_is_the_continuation_at_the_displaced_state(name):
    model = tiny(name)
    continuation = Continuation(model, prompt(), 1)
    with steer(model, VECTOR, 1, 0.7, positions="last"):
        steered = model(input_ids=prompt()).logits[0, -1]
    expected = continuation(continuation.state + 0.7 * here(VECTOR))
    assert relative_error(steered, expected) < 1e-12
    assert relative_error(steered, continuation.logits) > 1e-3


@pytest.mark.parametrize(
    ("positions", "steered"),
    [
        ("all", range(LENGTH)),
        ("last", [LENGTH - 1]),
        ([i in (2, 5) for i in range(LENGTH)], [2, 5]),
        (np.arange(LENGTH)[None] < 3, [0, 1, 2]),
    ],
)
def test_exactly_the_positions_asked_are_displaced(positions, steered):
    model = tiny("qwen2")
    plain = read_states(model, prompt(), 1)
    with steer(model, VECTOR, 1, -2.0, positions=positions):
        found = read_states(model, prompt(), 1)
    expected = plain.clone()
    expected[list(steered)] += -2.0 * here(VECTOR)
    assert torch.equal(found, expected)
    assert torch.equal(read_states(model, prompt(), 1), plain)


def test_steering_adds_up_over_layers_and_contexts():
    model = tiny("llama")
    plain = read_states(model, prompt(), 1)
    with steer(model, VECTOR, 1, 1.0), steer(model, VECTOR, 1, 0.5):
        found = read_states(model, prompt(), 1)
    assert relative_error(found, plain + 1.5 * here(VECTOR)) < 1e-15


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_several_layers_are_steered_at_once_as_by_nested_contexts(name):
    model, layers = tiny(name), [2, 0, -1]
    vectors = np.random.default_rng(1).standard_normal((3, WIDTH))
    with steer(model, vectors, layers, 0.3, "last"):
        found = read_states(model, prompt(), range(BLOCKS))
    with ExitStack() as nested:
        for vector, layer in zip(vectors, layers, strict=True):
            nested.enter_context(steer(model, vector, layer, 0.3, "last"))
        expected = read_states(model, prompt(), range(BLOCKS))
    assert torch.equal(found, expected)
    plain = read_states(model, prompt(), range(BLOCKS))
    # Block 0 is moved by its own vector alone; at blocks 1 and 3 the states that follow differ.
    assert relative_error(found[0, -1] - plain[0, -1], 0.3 * torch.tensor(vectors[1])) < 1e-12
    assert all(relative_error(found[i, -1], plain[i, -1]) > 1e-3 for i in range(BLOCKS))
    # A token that goes to another expert regroups the rows of the others: the same to rounding.
    assert relative_error(found[:, :-1], plain[:, :-1]) < 1e-12
    assert not hooks_of(model)


def test_gradients_run_through_steering():
    model = tiny("llama")
    vector = torch.tensor(VECTOR, requires_grad=True)
    with steer(model, vector, 1, 0.3, positions="last"):
        model(input_ids=prompt()).logits[0, -1, 5].backward()
    continuation = Continuation(model, prompt(), 1)
    state = (continuation.state + 0.3 * here(vector.detach())).requires_grad_()
    continuation(state)[5].backward()
    assert vector.grad is not None and state.grad is not None
    assert relative_error(vector.grad, 0.3 * state.grad) < 1e-12


def test_hooks_are_gone_after_an_exception():
    model = tiny("llama")
    plain = model(input_ids=prompt()).logits
    with pytest.raises(KeyError), steer(model, VECTOR, 1, 1.0):
        raise KeyError
    sentence = "mask covers 3 positions, the prompt has 11"
    with (
        pytest.raises(InvalidInput, match=sentence),
        steer(model, VECTOR, 1, 1.0, positions=[True] * 3),
    ):
        model(input_ids=prompt())
    assert not hooks_of(model)
    assert torch.equal(model(input_ids=prompt()).logits, plain)


def test_the_block_output_is_never_edited_in_place():
    model = tiny("llama")
    own: list[torch.Tensor] = []

    def keep(hidden: torch.Tensor) -> torch.Tensor:
        own.append(hidden)
        own.append(hidden.clone())
        return hidden

    with edit_output(model.model.layers[1], keep), steer(model, VECTOR, 1, 1.0):
        model(input_ids=prompt())
    assert torch.equal(own[0], own[1])


def test_a_tuple_keeps_its_other_entries():
    class Block(torch.nn.Module):
        def forward(self, hidden):
            return hidden, "weights"

    block, hidden = Block(), torch.ones(1, 2, 3)
    with edit_output(block, lambda h: 2 * h):
        found, rest = block(hidden)
    assert torch.equal(found, 2 * hidden) and rest == "weights"


def test_a_block_of_another_shape_is_one_sentence():
    block = torch.nn.Identity()
    sentence = r"\(batch, T, d\), Identity returns \(4, 1, 2, 3\)"
    with edit_output(block, lambda h: h), pytest.raises(InvalidInput, match=sentence):
        block(torch.ones(4, 1, 2, 3))


def test_an_edit_may_end_the_pass():
    block = torch.nn.Identity()

    def halt(_hidden: torch.Tensor) -> torch.Tensor:
        raise Halt

    with edit_output(block, halt), pytest.raises(Halt):
        block(torch.ones(1, 2, 3))
    assert not block._forward_hooks


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vector": np.ones(31)}, r"vector must be \(\.\.\., 32\) for this model, got \(31,\)"),
        ({"vector": np.ones((2, 32))}, r"vector must be \(32,\), got \(2, 32\); pick one row"),
        ({"vector": np.full(32, np.nan)}, "vector must be finite"),
        ({"layer": 4}, "layer must be between -4 and 3"),
        (
            {"vector": np.full(32, 1e300), "alpha": 1e30},
            r"alpha \* vector must be finite, got NaN or infinite",
        ),
        ({"layer": [0, 1]}, r"vector must be \(2, 32\), got \(32,\); give one row for each layer"),
        ({"layer": []}, "layer must name at least one block, got none"),
        ({"layer": [0, 4]}, "layer must be between -4 and 3"),
        ({"layer": "1"}, "layer must be an integer, got '1'"),
        ({"alpha": float("nan")}, "alpha must be a finite number, got nan"),
        ({"alpha": "2"}, "alpha must be a finite number, got '2'"),
        ({"positions": "first"}, 'must be "all", "prompt", .* over the prompt, got \'first\''),
        ({"positions": ("last", "frist")}, r"got \('last', 'frist'\)"),
        ({"positions": None}, "got NoneType"),
        ({"positions": [[True], [True, False]]}, "got list"),
        ({"positions": [1, 0]}, r"got torch.int64 of shape \(2,\)"),
        ({"positions": []}, r"of shape \(0,\)"),
    ],
)
def test_bad_steering_is_one_sentence_and_leaves_no_hook(change, sentence):
    model = tiny("llama")
    arguments = {"vector": VECTOR, "layer": 1, "alpha": 1.0, **change}
    with pytest.raises(InvalidInput, match=sentence), steer(model, **arguments):
        raise AssertionError("entered")
    assert not hooks_of(model)


@pytest.mark.parametrize(
    ("dtype", "largest"), [(torch.float16, "6.55e"), (torch.bfloat16, "3.39e"), (None, "3.4e")]
)
def test_a_vector_that_overflows_the_dtype_is_one_sentence(dtype, largest):
    model = tiny("llama", dtype or torch.float32)
    sentence = f"must fit {model.dtype} .at most {largest}.*; scale it down or use a wider dtype"
    size = float(torch.finfo(model.dtype).max)
    for vector, alpha in ((np.full(32, 2 * size), 1.0), (np.full(32, size / 2), 4.0)):
        with pytest.raises(InvalidInput, match=sentence), steer(model, vector, 1, alpha):
            raise AssertionError("entered")
    with steer(model, np.full(32, size / 2), 1, 1.5):
        pass


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_steered_to_its_rounding(dtype):
    model = tiny("llama", dtype)
    plain = read_states(model, prompt(), 1)
    with steer(model, VECTOR, 1, 2.0):
        found = read_states(model, prompt(), 1)
    assert found.dtype == dtype
    # The vector and the sum are each rounded once.
    expected = plain.double() + 2.0 * here(VECTOR)
    assert relative_error(found.double(), expected) < 2 * torch.finfo(dtype).eps


def test_no_layer_at_all_is_one_sentence():
    with pytest.raises(InvalidInput, match="at least one layer, got none"):
        read_states(tiny("llama"), prompt(), [])

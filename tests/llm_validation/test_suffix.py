"""What the mechanism chooses by itself, and what it refuses because it would be wrong."""

from __future__ import annotations

import copy

import pytest
import torch
import transformers

from identifiability.errors import InvalidInput
from llm_validation.attention import NAME
from llm_validation.completion import Completion
from llm_validation.continuation import Continuation
from llm_validation.hooks import steer
from llm_validation.prefix import batch_of_one
from llm_validation.structure import decoder_of
from llm_validation.suffix import Suffix
from tests.llm_validation.architectures import BLOCKS, WIDTH, prompt, tiny
from tests.llm_validation.devices import here
from tests.llm_validation.full_forward import full_logits, relative_error

pytestmark = pytest.mark.usefixtures("device")


def suffix(model, layer=1, position=10):
    return Suffix(decoder_of(model), prompt(), layer, position)


def blocks_run_on(model, batch, layer):
    """Batch sizes that each block sees in one pass of ``batch`` states."""
    built = suffix(model, layer)
    sizes: list[int] = []
    handles = [
        block.register_forward_pre_hook(lambda _block, inputs: sizes.append(len(inputs[0])))
        for block in decoder_of(model).blocks
    ]
    built.to_logits(built.state.expand(batch, -1))
    for handle in handles:
        handle.remove()
    return sizes


def test_blocks_before_the_layer_run_one_row_where_that_is_enough():
    assert blocks_run_on(tiny("llama"), 5, 1) == [1, 1, 5, 5]
    assert blocks_run_on(tiny("mistral"), 5, 2) == [1, 1, 1, 5]


@pytest.mark.parametrize("name", ["bloom", "falcon_alibi"])
def test_a_bias_laid_out_by_the_batch_makes_every_block_run_all_rows(name):
    assert blocks_run_on(tiny(name), 5, 1) == [5] * BLOCKS


def test_one_row_is_enough_if_all_that_blocks_receive_broadcasts():
    fits = [torch.ones(1, 1, 3, 4), (torch.ones(1, 3, 2), torch.ones(1, 3, 2)), torch.ones(3), None]
    assert batch_of_one(fits)
    assert not batch_of_one([*fits, torch.ones(4, 1, 3)])
    assert not batch_of_one([*fits, [None, (torch.ones(2, 3),)]])


def test_the_prefix_runs_once():
    model = tiny("llama")
    built = suffix(model)
    tokens: list[int] = []
    handle = model.model.layers[0].register_forward_pre_hook(
        lambda _block, inputs: tokens.append(inputs[0].shape[1])
    )
    for _ in range(3):
        built.to_logits(built.state[None])
    handle.remove()
    assert tokens == [1, 1, 1]
    # And its cache is as it was: a pass writes into a copy.
    assert built._prefix._cache.get_seq_length() == 10


def test_the_final_state_comes_without_the_head():
    model = tiny("llama")
    built, called = suffix(model), []
    handle = model.lm_head.register_forward_hook(lambda *_: called.append(1))
    final = built.to_final_state(built.state[None])
    assert not called
    run = built.for_derivatives(built.state[None])
    handle.remove()
    assert called and torch.equal(final, run.final)


def test_an_attention_that_is_more_than_softmax_keeps_its_own():
    assert suffix(tiny("llama", torch.float32))._attention == NAME
    assert suffix(tiny("gpt_oss", torch.float32))._attention == "eager"


def test_the_quick_attention_serves_models_loaded_with_another():
    model = copy.deepcopy(tiny("llama", torch.float32))
    model.set_attn_implementation("sdpa")
    assert suffix(model)._attention == NAME
    assert model.config._attn_implementation == "sdpa"


def test_bfloat16_is_reproduced_to_its_own_rounding():
    assert suffix(tiny("llama", torch.bfloat16)).logits.dtype == torch.bfloat16


def test_a_block_that_looks_past_the_cache_is_refused():
    """The mean over all positions, prefix included, is not in the keys and values."""
    model = copy.deepcopy(tiny("llama"))
    model.model.layers[3].register_forward_hook(
        lambda _block, _inputs, hidden: hidden + hidden.mean(dim=1, keepdim=True)
    )
    with pytest.raises(InvalidInput, match="LlamaForCausalLM does not give its own logits again"):
        suffix(model)


def test_a_bidirectional_model_is_refused():
    config = transformers.BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=BLOCKS,
        num_attention_heads=4,
        intermediate_size=48,
        vocab_size=67,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.BertForMaskedLM(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.25)
    with pytest.raises(InvalidInput, match="BertForMaskedLM keeps no keys and values"):
        suffix(model.double().eval().requires_grad_(False))


def test_a_head_that_mixes_its_logits_is_refused():
    class Normalised(transformers.LlamaForCausalLM):
        def forward(self, input_ids=None, past_key_values=None, **named):
            output = super().forward(input_ids, past_key_values=past_key_values, **named)
            output.logits = torch.log_softmax(output.logits, dim=-1)
            return output

    model = Normalised(tiny("llama").config).to(prompt().device).double().eval()
    model.load_state_dict(tiny("llama").state_dict())
    with pytest.raises(InvalidInput, match="mixes its logits after the head"):
        suffix(model)


def test_a_model_without_keys_and_values_is_refused():
    config = transformers.MambaConfig(
        hidden_size=WIDTH, num_hidden_layers=2, vocab_size=67, state_size=4
    )
    model = transformers.MambaForCausalLM(config).eval()
    with pytest.raises(InvalidInput, match=r"keeps no keys and values.* state-space models"):
        suffix(model, layer=0)


def test_a_model_with_some_blocks_without_keys_and_values_is_refused():
    config = transformers.Lfm2Config(
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=67,
        layer_types=["conv", "full_attention"] * 2,
    )
    model = transformers.Lfm2ForCausalLM(config).to(prompt().device).eval()
    with pytest.raises(InvalidInput, match=r"has a block that keeps no keys and values"):
        suffix(model)


VECTOR = torch.linspace(-1, 2, WIDTH, dtype=torch.float64).sin()
SOME_POSITIONS = ["last", "prompt", "generated", ("last", "generated"), [True] * 11]


@pytest.mark.parametrize("positions", SOME_POSITIONS, ids=str)
@pytest.mark.parametrize(
    "build",
    [
        lambda model: Continuation(model, prompt(), 1),
        lambda model: Completion(model, prompt(), [3, 4], 1),
    ],
    ids=["continuation", "completion"],
)
def test_parts_of_a_prompt_are_not_taken_for_the_prompt_that_is_steered(build, positions):
    model = tiny("llama")
    sentence = 'prompt in parts, each of which steering at positions other than "all" would take'
    built = build(model)
    with steer(model, VECTOR, 0, 1.0), steer(model, VECTOR, 2, 0.3, positions):
        with pytest.raises(InvalidInput, match=sentence) as raised:
            build(model)
        with pytest.raises(InvalidInput, match=sentence):
            built(VECTOR)
    assert "\n" not in str(raised.value)
    assert relative_error(build(model).logits, built.logits) == 0


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_continuation_of_a_model_that_is_steered_everywhere_is_that_model_s(layer):
    model = tiny("llama")
    with steer(model, VECTOR, layer, 0.5):
        built = Continuation(model, prompt(), 1)
        assert relative_error(built.logits, full_logits(model, prompt(), 1, 10, None)) < 1e-12
        other = built.state + here(VECTOR)
        expected = full_logits(model, prompt(), 1, 10, other)
        assert relative_error(built(other), expected) < 1e-12
    assert relative_error(full_logits(model, prompt(), 1, 10, other), expected) > 1e-3


def test_a_prefix_without_the_steering_is_not_joined_with_it():
    model = tiny("llama")
    plain = Continuation(model, prompt(), 1)
    with steer(model, VECTOR, 0, 0.5):
        steered = Continuation(model, prompt(), 1)
        with pytest.raises(InvalidInput, match=r"under the steering that it was built under"):
            plain.fisher()
        steered.fisher()
    with pytest.raises(InvalidInput, match=r"built under.*; build it inside of that steer"):
        steered.kl(VECTOR)
    plain.fisher()


def test_steering_of_another_model_does_not_matter():
    with steer(tiny("gpt2"), VECTOR, 0, 1.0, "last"):
        assert Continuation(tiny("llama"), prompt(), 1).fisher().shape == (WIDTH, WIDTH)


def test_memory_that_runs_out_at_construction_is_one_sentence(monkeypatch):
    def running_out(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.nn.Linear, "forward", running_out)
    with pytest.raises(InvalidInput, match=r"memory must hold one row .* use a shorter prompt"):
        suffix(tiny("llama"))

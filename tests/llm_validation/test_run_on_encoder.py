"""A run on an encoder: its rows, its reading, and what does not apply to it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from identifiability.errors import InvalidInput
from identifiability.store import Store
from identifiability.verdict import plain
from llm_validation import run as module
from llm_validation.claims.on_encoders import NOT_APPLICABLE
from llm_validation.request import Request
from llm_validation.result_file import summary
from llm_validation.run import run
from llm_validation.scale import PromptCounts, Scale
from tests.llm_validation.audit.small_model import prompts
from tests.llm_validation.tiny_sentence_encoder import saved


@pytest.fixture
def request_of_a_tiny_encoder(tmp_path, monkeypatch) -> Request:
    texts = prompts(60, seed=1)
    pairs = [
        {"context": str(i), "positive": texts[2 * i], "negative": texts[2 * i + 1]}
        for i in range(6)
    ]
    trait = {"trait": "words", "description": "some", "license": "Apache-2.0", "pairs": pairs}
    path = tmp_path / "words.json"
    path.write_text(json.dumps(trait | {"completions": []}))
    monkeypatch.setattr(module, "load_prompts", lambda: texts[12:])
    monkeypatch.setitem(module.PROMPTS, Scale.QUICK, PromptCounts(2, 2, 6))
    return Request(
        model=saved(tmp_path / "encoder"),
        layers=(-2,),
        traits=(str(path),),
        claims=("orthogonal_not_invisible",),
        scale=Scale.QUICK,
    )


def test_rows_come_with_the_reading_and_are_the_same_again(request_of_a_tiny_encoder, tmp_path):
    with Store(tmp_path / "out") as store:
        found = run(request_of_a_tiny_encoder, store, workers=1)
        done = len(store.keys())
    assert found["claims"] and found["cells"]["missing"] == []
    assert {row["layer"] for row in found["claims"]} == {1}
    assert all("nats of that reading alone" in row["observable"] for row in found["predictions"])
    covariance = found["settings"]["output_covariance"]
    assert covariance["texts"] == 2 and covariance["noise"] == pytest.approx(0.25)
    assert found["settings"]["position"].startswith("last token")
    said = summary(found)
    assert "last token" in said and covariance["described"] in said
    with Store(tmp_path / "out") as store:
        assert plain(run(request_of_a_tiny_encoder, store, workers=1)) == plain(found)
        assert len(store.keys()) == done


def test_what_does_not_apply_is_listed_and_refused_by_name(
    request_of_a_tiny_encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "claims", lambda *_, **__: [])
    every = replace(request_of_a_tiny_encoder, claims=(), scale=Scale.THIN)
    monkeypatch.setitem(module.PROMPTS, Scale.THIN, PromptCounts(2, 2, 2))
    with Store(tmp_path / "out") as store:
        found = run(every, store, workers=1)
    assert {entry["claim"] for entry in found["not_applicable"]} == set(NOT_APPLICABLE)
    assert "15 observation_ladder         not applicable: needs a next-token" in summary(found)
    monkeypatch.undo()
    with (
        Store(tmp_path / "other") as store,
        pytest.raises(InvalidInput, match="'layers' does not apply"),
    ):
        run(replace(every, claims=("14",)), store, workers=1)

"""A run states its predictions before it measures, resumes, and says what is missing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from identifiability.errors import InvalidInput
from identifiability.store import Store
from identifiability.verdict import plain
from llm_validation import run as module
from llm_validation.claims import epsilon_null
from llm_validation.claims.registry import NAMES, claims
from llm_validation.request import Request
from llm_validation.result_file import summary
from llm_validation.run import run
from llm_validation.scale import PromptCounts, Scale
from tests.llm_validation.audit.small_model import prompts, saved


@pytest.fixture
def request_of_a_tiny_model(tmp_path, monkeypatch) -> Request:
    saved(tmp_path / "model", "llama", "float32")
    texts = prompts(60, seed=1)
    pairs = [
        {"context": str(i), "positive": texts[2 * i], "negative": texts[2 * i + 1]}
        for i in range(6)
    ]
    trait = {"trait": "words", "description": "some", "license": "Apache-2.0", "pairs": pairs}
    path = tmp_path / "words.json"
    path.write_text(json.dumps(trait | {"completions": []}))
    monkeypatch.setattr(module, "load_prompts", lambda: texts[12:])
    few = PromptCounts(2, 2, 6)
    monkeypatch.setitem(module.PROMPTS, Scale.QUICK, few)
    monkeypatch.setitem(module.PROMPTS, Scale.THIN, few)
    return Request(
        model=str(tmp_path / "model"),
        layers=(1,),
        traits=(str(path),),
        claims=("epsilon_null",),
        scale=Scale.QUICK,
    )


def test_predictions_are_stored_before_any_measuring_cell(
    request_of_a_tiny_model, tmp_path, monkeypatch
):
    seen = []
    original = module.run_cells

    def watched(cells, store, **options):
        seen.append(({cell.function.split(":")[0] for cell in cells}, len(store.predictions())))
        return original(cells, store, **options)

    monkeypatch.setattr(module, "run_cells", watched)
    with Store(tmp_path / "out") as store:
        found = run(request_of_a_tiny_model, store, workers=1)
    (vectors, _), (before, none), (after, stated) = seen
    measuring = "llm_validation.measurements.divergences"
    assert vectors == {"llm_validation.measurements.last_states"}
    assert measuring not in before and none == 0
    assert after == {measuring} and stated == len(found["predictions"]) > 0
    assert found["claims"] and found["cells"]["missing"] == []
    assert {row["claim"] for row in found["verdicts"]} == {"epsilon_null"}
    assert "epsilon_null" in summary(found)


def test_a_second_run_measures_nothing_and_says_the_same(
    request_of_a_tiny_model, tmp_path, monkeypatch
):
    with Store(tmp_path / "out") as store:
        first = run(request_of_a_tiny_model, store, workers=1)
        done = len(store.keys())
    with Store(tmp_path / "out") as store:
        again = run(request_of_a_tiny_model, store, workers=1)
        assert len(store.keys()) == done
    assert plain(again) == plain(first)


def test_other_scales_and_seeds_go_into_the_same_directory(request_of_a_tiny_model, tmp_path):
    with Store(tmp_path / "out") as store:
        run(request_of_a_tiny_model, store, workers=1)
        stated = len(store.predictions())
        other = run(replace(request_of_a_tiny_model, seed=1), store, workers=1)
        assert len(store.predictions()) == stated + len(other["predictions"])
        run(replace(request_of_a_tiny_model, scale=Scale.THIN), store, workers=1)


def test_what_cannot_be_measured_is_missing_and_leaves_the_claim_open(
    request_of_a_tiny_model, tmp_path, monkeypatch
):
    from llm_validation.measurements import divergences

    def refuse(*_, **__):
        raise InvalidInput("not today")

    monkeypatch.setattr(divergences, "measure", refuse)
    with Store(tmp_path / "out") as store:
        found = run(request_of_a_tiny_model, store, workers=1)
    assert {entry["reason"] for entry in found["cells"]["missing"]} >= {"not today"}
    assert found["claims"] == []
    assert all(row["verdict"] == "inconclusive" for row in found["verdicts"])
    assert sum(row["missing"] for row in found["verdicts"]) == len(found["predictions"]) - len(
        found["cells"]["unmeasurable"]
    )


def test_the_claims_are_numbered_in_their_order():
    every = claims(NAMES)
    assert [claim.NUMBER for claim in every] == list(range(1, 18))
    assert [claim.NAME for claim in every] == list(NAMES)
    assert claims(["1"]) == claims(["epsilon_null"]) == [epsilon_null]
    quick = {claim.NUMBER for claim in claims((), Scale.QUICK)}
    assert quick == {1, 2, 3, 6, 10, 11, 15}
    with pytest.raises(InvalidInput, match="epsilon_null"):
        claims(["epsilon_nul"])

"""What is refused, with a sentence, before anything is measured or a folder is made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.apply import Further
from llm_validation.audit.asked import Asked
from llm_validation.vectors import SteeringVector
from tests.llm_validation.architectures import CONTEXT, WIDTH
from tests.llm_validation.audit.small_model import COUNT, PROMPTS, audited

LONG = " ".join(["w5"] * (CONTEXT - 20))


def _refused(monkeypatch, tmp_path, model, said, **given):
    """By ``audit`` itself, into a folder that is not there and stays so."""

    def opened(*_arguments, **_settings):
        raise AssertionError("a store was opened before everything was checked")

    monkeypatch.setattr("llm_validation.audit.auditing.Store", opened)
    settings = {"vector": np.ones(WIDTH), "layer": 1, "out": tmp_path / "out"} | given
    with pytest.raises(InvalidInput, match=said):
        audited(model, settings.pop("vector"), settings.pop("layer"), **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"vector": np.ones(WIDTH + 1)}, "vector"),
        ({"vector": SteeringVector(np.ones(WIDTH), 2)}, "the vector is for layer 2"),
        ({"alpha": 0.0}, "alpha must be a positive"),
        ({"alpha": True}, "alpha must be a positive"),
        ({"epsilon": -1.0}, "epsilon must be a positive"),
        ({"layer": 4}, "layer must be between"),
        ({"layer": None}, "does not say its layer"),
        ({"count": 7}, "at least 8 prompts"),
        ({"count": "8"}, "count must be an integer"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"workers": 0}, "workers must be an integer of at least 1"),
        ({"prompts": PROMPTS[:5]}, "at least 8 prompts"),
        ({"prompts": [*PROMPTS[:8], PROMPTS[0]]}, "differ in their tokens"),
        ({"prompts": [*PROMPTS[:8], LONG]}, "must leave room for 24 more of 64 tokens"),
        ({"observe": "topk"}, "topk:20"),
        ({"observe": "topk:67"}, "K between 1 and 66 for this model, got 67"),
        ({"observe": "score:formality"}, "leave prompts out"),
        ({"compare": [np.zeros(WIDTH)]}, "must not be zero"),
        ({"compare": [np.ones(3)]}, "vector"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"apply": ["layer=2"]}, "layers"),
        ({"apply": ["layers=1"]}, "the one audited"),
    ],
)
def test_bad_input(llama, monkeypatch, tmp_path, settings, said):
    given = dict(settings)
    model = given.pop("model", llama)
    _refused(monkeypatch, tmp_path, model, said, **given)


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"instructions": None}, "must have instructions"),
        ({"completions": []}, "split 'choose'"),
        ({"splits": "choose"}, "split 'held_out'"),
    ],
)
def test_a_trait_that_cannot_be_scored(llama, trait_file, monkeypatch, tmp_path, spoiled, said):
    trait = json.loads(trait_file.read_text())
    if split := spoiled.get("splits"):
        spoiled = {"completions": [c for c in trait["completions"] if c["split"] == split]}
    trait |= spoiled
    trait_file.write_text(json.dumps({k: v for k, v in trait.items() if v is not None}))
    _refused(monkeypatch, tmp_path, llama, said, trait=str(trait_file))


@pytest.mark.parametrize("key", ["prompts", "environments"])
def test_prompts_cannot_be_applied_to_a_score(llama, trait_file, monkeypatch, tmp_path, key):
    path = tmp_path / "more.txt"
    path.write_text("\n".join(PROMPTS))
    settings = {"observe": f"score:{trait_file}", "prompts": None, "apply": [f"{key}={path}"]}
    _refused(monkeypatch, tmp_path, llama, f"got {key} to apply", **settings)


def test_prompts_that_choose_already_are_refused(llama, monkeypatch, tmp_path):
    path = tmp_path / "same.txt"
    path.write_text("\n".join(PROMPTS))
    _refused(monkeypatch, tmp_path, llama, "choose the class already", apply=[f"prompts={path}"])


def test_further_prompts_leave_room_for_a_completion_where_one_is_observed(llama, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text(" ".join(["w5"] * (CONTEXT - 10)))
    settings = {"prompts": PROMPTS, "chat": True, "count": COUNT, "alpha": 1.0, "epsilon": 0.01}
    settings |= {"trait": None, "compare": [], "apply": [f"prompts={path}"], "seed": 0}
    asked = Asked.of(np.ones(WIDTH), llama, 1, **settings, workers=1, observe="next-token")
    assert asked.further == (Further("prompts", str(path)),)
    with pytest.raises(InvalidInput, match="room for 20 more of 64 tokens"):
        Asked.of(np.ones(WIDTH), llama, 1, **settings, workers=1, observe="completion")

"""A continuation is built once for many cells, is the one that would be built, and is let go."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.measurements import divergences
from llm_validation.measurements import kept_continuation as module
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = [5, 6, 7, 8]


def _model() -> LanguageModel:
    return tiny_language_model("llama").to_dtype("float32")  # a copy of this test's own


def test_the_same_prompt_and_layer_are_built_once_and_others_are_others():
    model = _model()
    kept = kept_continuation(model, IDS, 1)
    assert kept_continuation(model, list(IDS), 1) is kept
    assert kept_continuation(model, IDS, 2).layer == 2
    assert kept_continuation(model, IDS[:-1], 1) is not kept
    assert kept_continuation(_model(), IDS, 1) is not kept
    assert np.array_equal(kept.logits.numpy(), Continuation(model, IDS, 1).logits.numpy())


def test_what_is_measured_does_not_depend_on_what_was_measured_before():
    steps = np.random.default_rng(0).standard_normal((5, WIDTH))
    settings = {"ids": IDS, "layer": 1, "displacements": steps}
    fresh = divergences.measure(_model(), **settings)
    used = _model()
    divergences.measure(used, ids=IDS, layer=1, displacements=40 * steps[:2])
    kept_continuation(used, IDS, 1).fisher()
    again = divergences.measure(used, **settings)
    assert all(np.array_equal(fresh[name], again[name]) for name in fresh)


def test_a_model_is_let_go_with_all_that_was_kept_of_it():
    model = _model()
    held = weakref.ref(kept_continuation(model, IDS, 1))
    assert held() is not None
    del model
    gc.collect()
    assert held() is None


def test_the_least_used_is_let_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "AT_MOST", 2)
    model = _model()
    held = [weakref.ref(kept_continuation(model, IDS, layer)) for layer in (0, 1, 2)]
    gc.collect()
    assert [one() is not None for one in held] == [False, True, True]


def test_a_prompt_that_cannot_be_used_is_refused_each_time():
    model = _model()
    for _ in range(2):
        with pytest.raises(InvalidInput, match="at least one token"):
            kept_continuation(model, [], 1)

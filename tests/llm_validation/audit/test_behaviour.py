"""The score of a trait: gated by its validity, and compared by TOST."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.store import Store
from llm_validation.audit import behaviour
from llm_validation.audit.behaviour import scored, side_by_side
from llm_validation.audit.bench import Bench, Case
from llm_validation.dataset import Instructions, LabelledCompletion, Trait
from llm_validation.hooks import steer
from llm_validation.scoring.validity import Validity
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

TEXTS = prompts(60, seed=3)
PAIRS = tuple(
    LabelledCompletion(TEXTS[3 * i], TEXTS[3 * i + 1], TEXTS[3 * i + 2], split)
    for i, split in enumerate(["held_out"] * 10 + ["choose"] * 10)
)
TRAIT = Trait("planted", "", "", (), PAIRS, Instructions("w3", "w4"), {})
BASE = 0.5 * np.random.default_rng(0).standard_normal(WIDTH)


@pytest.fixture
def bench(tmp_path):
    model = saved(tmp_path / "model", "llama")
    with Store(tmp_path / "cells") as store:
        yield Bench(model, 1, store, workers=1)


def _rng():
    return np.random.default_rng(0)


def test_an_invalid_score_scores_nothing(bench):
    """A random model does not follow instructions."""
    found = scored(bench, TRAIT, BASE, BASE, _rng())
    assert not found.validity.valid
    assert found.effect is None and found.equivalence is None


def _planted(monkeypatch, effects):
    """Log-odds with a valid score, and effects (n, 2) of v and of v'."""
    valid = Validity(1.0, 0.7, 1.0, 10, True, "planted")
    monkeypatch.setattr(behaviour, "control_validity", lambda trait, measured: valid)
    none = np.zeros((len(effects), 1))
    found = np.concatenate([none, effects], axis=1)
    monkeypatch.setattr(behaviour, "_log_odds", lambda bench, pairs, displacements: found)


@pytest.mark.parametrize(("factor", "equivalent"), [(1.02, True), (0.5, False)])
def test_equal_effects_are_equivalent_and_halved_ones_not(bench, monkeypatch, factor, equivalent):
    own = 2 + 0.1 * np.random.default_rng(1).standard_normal(10)
    _planted(monkeypatch, np.stack([own, factor * own], axis=1))
    found = scored(bench, TRAIT, BASE, BASE, _rng())
    assert found.validity.valid
    assert found.effect.estimate == pytest.approx(own.mean())
    assert found.witness_effect.estimate == pytest.approx(factor * own.mean())
    assert found.equivalence.equivalent is equivalent
    np.testing.assert_allclose(found.differences, (factor - 1) * own)


def test_a_trait_without_instructions_is_refused(bench):
    trait = Trait("planted", "", "", (), PAIRS, None, {})
    with pytest.raises(InvalidInput, match="must have instructions"):
        scored(bench, trait, BASE, BASE, _rng())


def test_completions_are_those_of_the_steered_model(bench):
    """Against transformers' own generation with a hook."""
    import torch

    case = Case([5, 9, 33, 7], {"kind": "next-token"}, "as it was given")
    (texts,) = side_by_side(bench, [case], BASE, -BASE)
    model = bench.model
    for found, vector in (
        (texts.vector, BASE),
        (texts.witness, -BASE),
        (texts.unsteered, 0 * BASE),
    ):
        with steer(model, vector, 1, 1.0, ("last", "generated")):
            ids = torch.tensor([case.ids])
            out = model.model.generate(ids, max_new_tokens=behaviour.TOKENS, do_sample=False)
        assert found == model.tokenizer.decode(out[0, 4:], skip_special_tokens=True)
    assert texts.prompt == "as it was given"

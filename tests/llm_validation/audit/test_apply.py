"""The class with further data: bounds on known metrics, and every key on a model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit import audit
from llm_validation.audit.apply import Further, joint_dimension
from llm_validation.audit.class_size import null_dimension
from llm_validation.audit.prompts import Halves
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

EPSILON = 0.01


def test_complementary_environments_close_the_class():
    one, other = np.diag([1.0, 1.0, 0, 0]), np.diag([0, 0, 1.0, 1.0])
    assert joint_dimension([one, other], EPSILON, 1.0) == (0, 0)


def test_a_shared_null_direction_stays_and_a_copy_changes_nothing():
    one, other = np.diag([1.0, 1.0, 0, 0]), np.diag([0, 1.0, 1.0, 0])
    assert joint_dimension([one, other], EPSILON, 1.0) == (1, 1)
    assert joint_dimension([one, one], EPSILON, 1.0) == (2, 2)


def test_bounds_hold_the_joint_class_and_never_exceed_one_environment():
    """In a common basis the joint class is known: coordinates within epsilon in each."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        values = np.exp(3 * rng.standard_normal((3, 12)) - 4)
        metrics = [np.diag(row) for row in values]
        least, most = joint_dimension(metrics, EPSILON, 1.0)
        truth = int(np.sum((0.5 * values <= EPSILON).all(axis=0)))
        assert least <= truth <= most
        assert most <= min(null_dimension(metric, EPSILON, 1.0) for metric in metrics)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("llama"), "llama")


VECTOR = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)


def _audit(model, *apply, **settings):
    settings = {"prompts": prompts(8), "workers": 1} | settings
    return audit(VECTOR, model, 1, apply=apply, **settings)


def _mean(model, texts, layer=1):
    found = []
    for text in texts:
        there = Continuation(model, encode(model, text), layer)
        found.append(there.fisher(there.state + there.state.new_tensor(VECTOR)))
    return np.mean(found, axis=0)


def _own(model):
    return Halves.of(prompts(8), 32, 0).choosing


def test_layers(model):
    (way,) = [w for w in _audit(model, "layers=2,-1").ways_out if w.applied]
    metrics = [_mean(model, _own(model), layer) for layer in (1, 2, 3)]
    expected = joint_dimension(metrics, EPSILON, np.linalg.norm(VECTOR))
    assert way.assumption == "layers"
    assert way.after_interval == expected


def test_environments_of_a_trait_file_and_of_a_prompt_file(model, tmp_path):
    texts = prompts(8, seed=5)
    pairs = [
        {"context": f"c{i}", "positive": texts[2 * i], "negative": texts[2 * i + 1]}
        for i in range(2)
    ]
    trait = {
        "trait": "t",
        "description": "d",
        "license": "l",
        "completions": [],
        "pairs": [
            {"context": f"p{i}", "positive": f"w9 w{10 + i}", "negative": f"w8 w{10 + i}"}
            for i in range(2)
        ],
        "environments": {"other": pairs},
    }
    path = tmp_path / "trait.json"
    path.write_text(json.dumps(trait))
    (way,) = [w for w in _audit(model, f"environments={path}").ways_out if w.applied]
    metrics = [_mean(model, _own(model)), _mean(model, texts[:4])]
    expected = joint_dimension(metrics, EPSILON, np.linalg.norm(VECTOR))
    assert way.after_interval == expected
    assert way.class_dimension_after == expected[1]
    lines = tmp_path / "other.txt"
    lines.write_text("\n".join(texts[:4]))
    (same,) = [w for w in _audit(model, f"environments={lines}").ways_out if w.applied]
    assert same.after_interval == expected


def test_prompts_are_pooled(model, tmp_path):
    more = prompts(6, seed=9)
    path = tmp_path / "more.jsonl"
    path.write_text("\n".join(json.dumps(text) for text in more))
    found = _audit(model, f"prompts={path}")
    (way,) = [w for w in found.ways_out if w.applied]
    metric = _mean(model, [*_own(model), *more])
    radius = float(np.linalg.norm(VECTOR))
    assert way.class_dimension_after == null_dimension(metric, EPSILON, radius)
    names = [w.assumption for w in found.ways_out]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layers=1", "the one audited"),
        ("layers=9", "layer must be between"),
        ("layers=x", "must be integers"),
        ("environments=none.txt", "cannot read none.txt"),
    ],
)
def test_data_that_cannot_be_used(model, text, said):
    with pytest.raises(InvalidInput, match=said):
        _audit(model, text)


@pytest.mark.parametrize("text", ["layers", "layers=", "prompt=x"])
def test_what_is_no_key_and_value(text):
    with pytest.raises(InvalidInput):
        Further.parse(text)

"""Each observable's divergence against its definition, its metric against that divergence."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from llm_validation.audit.float64_copy import float64_copy
from llm_validation.audit.observed import metric, observed, steps_apart, wide_metrics
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.steered_completion import by_full_forward

IDS, LAYER = [5, 9, 33, 7, 21, 40], 1
COMPLETION, OTHER = [11, 8, 50], [6, 30]
KINDS = {
    "next-token": {"kind": "next-token"},
    "topk": {"kind": "topk", "k": 5},
    "completion": {"kind": "completion", "completion": COMPLETION},
    "score": {"kind": "score", "completions": [COMPLETION, OTHER], "variance": 0.3},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture
def steps():
    return 0.3 * np.random.default_rng(0).standard_normal((3, WIDTH))


BASE = 0.4 * np.random.default_rng(1).standard_normal(WIDTH)


@pytest.mark.parametrize("kind", KINDS)
def test_the_metric_is_that_of_the_divergence(model, kind, steps):
    """Central second difference of the divergence, which the metric has no part in."""
    there = observed(model, KINDS[kind], IDS, LAYER)
    small = 1e-3 * steps
    both = there.divergences(BASE, BASE + small) + there.divergences(BASE, BASE - small)
    expected = np.einsum("ki,ij,kj->k", small, there.metric(BASE), small)
    np.testing.assert_allclose(both, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_half_forms_are_those_of_the_metric(model, kind, steps):
    there = observed(model, KINDS[kind], IDS, LAYER)
    expected = 0.5 * np.einsum("ki,ij,kj->k", steps, there.metric(BASE), steps)
    np.testing.assert_allclose(there.half_forms(BASE, steps), expected, rtol=1e-8)


def _log_p(model, displacement):
    """By a full forward pass with the state replaced."""
    there = observed(model, KINDS["next-token"], IDS, LAYER)
    state = there._origin + torch.tensor(displacement)
    ids = torch.tensor([IDS])
    logits = full_logits(model.model, ids, LAYER, len(IDS) - 1, state)
    return torch.log_softmax(logits.double(), -1).numpy()


def test_next_token_and_topk_are_kl_of_the_full_forward_pass(model, steps):
    own, unsteered = _log_p(model, BASE), _log_p(model, np.zeros(WIDTH))
    likeliest = np.argsort(-unsteered)[:5]
    whole = observed(model, KINDS["next-token"], IDS, LAYER).divergences(BASE, BASE + steps)
    coarse = observed(model, KINDS["topk"], IDS, LAYER).divergences(BASE, BASE + steps)
    for i, step in enumerate(steps):
        other = _log_p(model, BASE + step)
        p, q = np.exp(own), np.exp(other)
        assert whole[i] == pytest.approx(np.sum(p * (own - other)), rel=1e-8)
        p, q = (np.append(x[likeliest], 1 - x[likeliest].sum()) for x in (p, q))
        assert coarse[i] == pytest.approx(np.sum(p * np.log(p / q)), rel=1e-8)


def test_topk_sees_no_more_than_all_and_k_directions(model):
    whole = observed(model, KINDS["next-token"], IDS, LAYER).metric(BASE)
    coarse = observed(model, KINDS["topk"], IDS, LAYER).metric(BASE)
    assert np.linalg.eigvalsh(whole - coarse)[0] >= -1e-12 * np.linalg.norm(whole, 2)
    values = np.linalg.eigvalsh(coarse)[::-1]
    assert values[4] > 1e-6 * values[0]
    assert values[5] < 1e-12 * values[0]


def test_the_score_is_the_log_odds_per_token_and_its_metric_has_rank_one(model, steps):
    """Against full forward passes of the whole text, steered by a mask."""
    last = len(IDS) - 1
    scores = [
        by_full_forward(model, IDS, COMPLETION, at, LAYER, last) / len(COMPLETION)
        - by_full_forward(model, IDS, OTHER, at, LAYER, last) / len(OTHER)
        for at in [BASE, *(BASE + steps)]
    ]
    scores = np.array(scores)
    there = observed(model, KINDS["score"], IDS, LAYER)
    expected = (scores[1:] - scores[0]) ** 2 / (2 * 0.3)
    np.testing.assert_allclose(there.divergences(BASE, BASE + steps), expected, rtol=1e-8)
    assert np.linalg.matrix_rank(there.metric(BASE)) == 1


def test_a_completion_of_one_token_is_the_next_token(model, steps):
    one = observed(model, {"kind": "completion", "completion": [11]}, IDS, LAYER)
    next_token = observed(model, KINDS["next-token"], IDS, LAYER)
    np.testing.assert_allclose(one.metric(BASE), next_token.metric(BASE), atol=1e-12)
    np.testing.assert_allclose(
        one.divergences(BASE, BASE + steps), next_token.divergences(BASE, BASE + steps), rtol=1e-9
    )


def test_cells(model, steps):
    settings = {"ids": IDS, "layer": LAYER, "observe": KINDS["next-token"], "base": BASE}
    there = observed(model, KINDS["next-token"], IDS, LAYER)
    np.testing.assert_array_equal(metric(model, **settings)["metric"], there.metric(BASE))
    found = steps_apart(model, **settings, steps=steps)
    np.testing.assert_allclose(found["divergence"], there.divergences(BASE, BASE + steps))
    np.testing.assert_allclose(found["second_order"], there.half_forms(BASE, steps))
    assert 0 <= found["floor"] < 1e-20


def test_wide_metrics_are_those_of_the_model_in_float64(model):
    """A float32 model whose float64 copy has weights rounded to float32."""
    narrow = model.to_dtype("float32")
    asked = {"prompts": [IDS, IDS[:4]], "layer": LAYER, "observes": [KINDS["next-token"]] * 2}
    found = wide_metrics(narrow, **asked, base=BASE)["metrics"]
    assert found.shape == (2, WIDTH, WIDTH)
    for ids, wide in zip(asked["prompts"], found, strict=True):
        exact = observed(model, KINDS["next-token"], ids, LAYER).metric(BASE)
        near = observed(narrow, KINDS["next-token"], ids, LAYER).metric(BASE)
        size = np.linalg.norm(exact, 2)
        assert 0 < np.linalg.norm(wide - near, 2) < 1e-4 * size
        assert np.linalg.norm(wide - exact, 2) < 1e-4 * size


def test_nothing_keeps_the_copy_in_float64_after_its_cell(model, monkeypatch):
    """Continuations in a cache kept it once: 1 GB of SmolLM2 until the audit ended."""
    copies = []

    def remembered(narrow, layer):
        wide = float64_copy(narrow, layer)
        copies.append(weakref.ref(wide.model))
        return wide

    monkeypatch.setattr("llm_validation.audit.observed.float64_copy", remembered)
    asked = {"prompts": [IDS, IDS[:4]], "layer": LAYER, "observes": [KINDS["next-token"]] * 2}
    wide_metrics(model.to_dtype("float32"), **asked, base=BASE)
    gc.collect()
    assert [copy() for copy in copies] == [None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_is_built_once_for_its_metric_and_all_its_steps(model, steps, kind, monkeypatch):
    built = []
    monkeypatch.setattr(
        "llm_validation.audit.observed.observed", lambda *a: built.append(a) or observed(*a)
    )
    settings = {"ids": [8, 8, 8, 9], "layer": LAYER, "observe": KINDS[kind], "base": BASE}
    metric(model, **settings)
    steps_apart(model, **settings, steps=steps)
    steps_apart(model, **settings, steps=-steps)
    assert len(built) == 1

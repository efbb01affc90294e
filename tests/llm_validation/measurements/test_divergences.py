"""Divergences of the next token against scipy on logits of full forward passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, rel_entr, softmax

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.measurements import divergences
from llm_validation.measurements.divergences import measure
from tests.llm_validation.architectures import WIDTH, WORDS, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(9)
LAYER = 1
NAMES = {"kl", "js", "logit_distance", "centred_logit_distance", "top_overlap"}
DISPLACEMENTS = np.random.default_rng(2).standard_normal((4, WIDTH)) * [[0], [0.1], [1], [20]]


def logits_of(model, displacement) -> np.ndarray:
    state = Continuation(model, IDS, LAYER).state + torch.tensor(displacement)
    return full_logits(model.model, IDS, LAYER, IDS.shape[1] - 1, state).numpy()


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_each_is_scipys_on_a_full_forward_pass(name):
    model, k = tiny_language_model(name), 7
    found = measure(model, ids=IDS[0].tolist(), layer=LAYER, displacements=DISPLACEMENTS, k=k)
    assert set(found) == NAMES
    own = logits_of(model, np.zeros(WIDTH))
    for row, displacement in enumerate(DISPLACEMENTS):
        there = logits_of(model, displacement)
        p, q, change = softmax(own), softmax(there), there - own
        best = [set(np.argsort(-z)[:k]) for z in (own, there)]
        expected = {
            "kl": rel_entr(p, q).sum(),
            "js": jensenshannon(p, q) ** 2,
            "logit_distance": np.sqrt((change**2).sum()),
            "centred_logit_distance": np.sqrt((change**2).sum() - WORDS * change.mean() ** 2),
            "top_overlap": len(best[0] & best[1]) / k,
        }
        for measured, value in found.items():
            assert value.shape == (len(DISPLACEMENTS),) and value.dtype == np.float64
            # scipy's own sums round at 1e-16, a root of that in the distances of nothing at all.
            assert value[row] == pytest.approx(expected[measured], rel=1e-9, abs=1e-7), measured
    assert found["top_overlap"][0] == 1.0
    assert found["top_overlap"][-1] < 1.0


def test_small_divergences_keep_their_digits():
    """JS is a quarter of KL to leading order, and both are quadratic; a sum of p log p is noise."""
    direction = np.random.default_rng(4).standard_normal(WIDTH)
    scales = np.array([1e-6, 1e-7, 1e-8])
    found = measure(
        tiny_language_model("llama"),
        ids=IDS[0].tolist(),
        layer=LAYER,
        displacements=scales[:, None] * direction / np.linalg.norm(direction),
    )
    # Logits move by 1e-8 and round at 1e-15: relative errors of 1e-6 or so at the smallest scale.
    assert found["js"] / found["kl"] == pytest.approx(np.full(3, 0.25), rel=1e-4)
    curvature = found["kl"] / scales**2
    assert curvature == pytest.approx(np.full(3, curvature[0]), rel=1e-4)
    assert found["kl"][2] < 1e-14


def test_the_largest_divergences_are_finite_and_js_ends_at_log_2():
    model = tiny_language_model("gpt2")
    found = measure(model, ids=[5, 6, 7], layer=3, displacements=1e4 * DISPLACEMENTS[2:3], k=WORDS)
    assert 0 < found["js"][0] <= np.log(2) + 1e-15
    assert np.isfinite(found["kl"]).all()
    assert found["top_overlap"].tolist() == [1.0]  # all words are all words


def test_kl_is_that_of_the_continuation_and_chunks_change_nothing(monkeypatch):
    model = tiny_language_model("llama")
    rows = np.random.default_rng(3).standard_normal((9, WIDTH))
    first = measure(model, ids=IDS[0].tolist(), layer=LAYER, displacements=rows)
    expected = Continuation(model, IDS, LAYER).kl(rows)
    assert first["kl"] == pytest.approx(expected, rel=1e-10)
    monkeypatch.setattr(divergences, "_ROWS_AT_ONCE", 2)
    again = measure(model, ids=IDS[0].tolist(), layer=LAYER, displacements=rows)
    for name in NAMES:
        assert again[name] == pytest.approx(first[name], rel=1e-10)


def test_a_shift_of_all_logits_is_no_change_of_the_distribution():
    own = torch.tensor(np.random.default_rng(5).standard_normal(WORDS))
    likeliest = torch.zeros(WORDS, dtype=torch.bool)
    likeliest[own.topk(5).indices] = True
    log_p = torch.log_softmax(own, -1)
    found = divergences._measures(own, log_p, own[None] + 3.0, likeliest, 5)
    kl, js, raw, centred, overlap = found[0]
    assert raw == pytest.approx(3 * np.sqrt(WORDS))
    assert max(kl, js) < 1e-15 and centred < 1e-13 and overlap == 1.0
    assert log_softmax(own.numpy() + 3.0) == pytest.approx(log_softmax(own.numpy()))


@pytest.mark.parametrize("k", [0, WORDS + 1, 2.0, True])
def test_a_bad_k_is_one_sentence(k):
    with pytest.raises(InvalidInput, match="k must be an integer between 1 and 67, got"):
        measure(
            tiny_language_model("llama"),
            ids=[5, 6],
            layer=0,
            displacements=np.zeros((1, WIDTH)),
            k=k,
        )

"""Channels see less than the whole distribution, and what they see is the curvature of their KL."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, rel_entr

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.observables import fisher_of_channel, log_probabilities
from tests.llm_validation.architectures import WIDTH, WORDS, prompt
from tests.llm_validation.full_forward import full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS, LAYER = prompt(9), 1


def there(name: str = "llama") -> Continuation:
    return Continuation(tiny_language_model(name), IDS, LAYER)


def merged(name: str, state: torch.Tensor, k: int) -> np.ndarray:
    """(k + 1,) log-probabilities from a full forward pass, the k likeliest of the model as is."""
    model = tiny_language_model(name).model
    place = IDS.shape[1] - 1
    own = full_logits(model, IDS, LAYER, place, there(name).state).numpy()
    logits = full_logits(model, IDS, LAYER, place, state).numpy()
    best = np.argsort(-own)[:k]
    rest = np.setdiff1d(np.arange(WORDS), best)
    return np.append(logits[best], logsumexp(logits[rest])) - logsumexp(logits)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("away", [0.0, 0.5])
def test_it_is_the_curvature_of_the_merged_divergence(name, k, away):
    one = there(name)
    rng = np.random.default_rng(k)
    h = one.state + torch.tensor(away * rng.standard_normal(WIDTH))
    metric = fisher_of_channel(one, f"topk:{k}", h)
    assert metric.shape == (WIDTH, WIDTH) and metric.dtype == np.float64
    own = np.exp(merged(name, h, k))
    for _ in range(3):
        delta = rng.standard_normal(WIDTH)
        delta *= 1e-3 / np.linalg.norm(delta)
        # Both signs cancel the third order; what is left is of relative order 1e-6.
        kl = [rel_entr(own, np.exp(merged(name, h + s * torch.tensor(delta), k))) for s in (1, -1)]
        curvature = np.sum(kl) / 2
        assert curvature == pytest.approx(0.5 * delta @ metric @ delta, rel=1e-4)


def test_coarser_channels_see_less_and_at_most_k_directions():
    one = there()
    metrics = [fisher_of_channel(one, channel) for channel in ("topk:1", "topk:5", "topk:20")]
    metrics += [fisher_of_channel(one, f"topk:{WORDS - 1}"), fisher_of_channel(one, "next-token")]
    scale = np.linalg.norm(metrics[-1], 2)
    for coarse, fine in pairwise(metrics):
        assert np.linalg.eigvalsh(fine - coarse).min() > -1e-12 * scale
    for metric, k in zip(metrics, (1, 5, 20), strict=False):
        assert np.linalg.matrix_rank(metric, tol=1e-12 * scale, hermitian=True) == k
    np.testing.assert_allclose(metrics[-2], metrics[-1], atol=1e-12 * scale)
    np.testing.assert_allclose(metrics[-1], one.fisher(), rtol=0, atol=0)


def test_gradients_are_those_of_autograd_and_the_rest_completes_the_distribution():
    one, k = there("gemma2"), 6
    chosen = one.logits.topk(k).indices
    log_q, gradients = log_probabilities(one, chosen)
    assert np.exp(log_q).sum() == pytest.approx(1, abs=1e-12)

    def of_state(h):
        log_p = torch.log_softmax(one(h), -1)
        rest = torch.log1p(-log_p[chosen].exp().sum())
        return torch.cat([log_p[chosen], rest[None]])

    expected = torch.autograd.functional.jacobian(of_state, one.state)
    np.testing.assert_allclose(gradients, expected.numpy(), atol=1e-10)


@pytest.mark.parametrize("channel", ["topk", "topk:0", "topk:-1", "topk:two", f"topk:{WORDS}"])
def test_a_bad_k_is_one_sentence(channel):
    with pytest.raises(InvalidInput, match="must be topk:K with K from 1 to 66 for this model"):
        fisher_of_channel(there(), channel)


def test_an_unknown_channel_is_named_with_those_there_are():
    with pytest.raises(InvalidInput, match="next-token, topk:K"):
        fisher_of_channel(there(), "words")

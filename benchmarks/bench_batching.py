"""Metrics of several prompts of one length: one after another against all in one batch.

Why ``prompt_fisher`` takes one prompt at a time. The batched variant shares what can be shared: one
prefix pass, one suffix pass and one batched backward pass in which every row holds one prompt. The
fold of the head is the same in both, because each prompt has its own probabilities.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import DynamicCache

from benchmarks.conftest import LAYER, timed
from llm_validation.attention import NAME, attention
from llm_validation.continuation import Continuation
from llm_validation.fisher import HeadMetric
from llm_validation.hooks import edit_output
from llm_validation.memory import in_chunks
from llm_validation.models import LanguageModel
from llm_validation.prefix import last_tokens_only
from llm_validation.structure import decoder_of

PROMPTS = 4
ROWS_AT_ONCE = 256  # of reverse mode, prompts times directions; as many as one prompt takes alone

pytestmark = pytest.mark.benchmark(group=f"metrics of {PROMPTS} prompts of one length")


def in_one_batch(model: LanguageModel, prompts: torch.Tensor, layer: int) -> list[np.ndarray]:
    """Metrics (d, d) at the last token of prompts (n, T), in a model without soft-capping."""
    decoder, final = decoder_of(model), []
    config = decoder.model.config
    cache = DynamicCache(config=config)
    states: list[torch.Tensor] = []

    def leaf(hidden: torch.Tensor) -> torch.Tensor:
        states.append(hidden.detach().requires_grad_())
        return states[0]

    with torch.no_grad():
        decoder.model(input_ids=prompts[:, :-1], past_key_values=cache, use_cache=True)
    with (
        torch.enable_grad(),
        attention(config, NAME),
        edit_output(decoder.blocks[layer], leaf),
        last_tokens_only(decoder.head, 1, final.append),
    ):
        logits = decoder.model(input_ids=prompts[:, -1:], past_key_values=cache).logits[:, 0]

    def pull(directions: torch.Tensor) -> torch.Tensor:
        cotangents = directions[:, None, None].expand(-1, *final[0].shape)
        grads = torch.autograd.grad(
            final[0], states[0], cotangents, is_grads_batched=True, retain_graph=True
        )
        return grads[0][:, :, 0]

    basis = torch.eye(final[0].shape[-1])
    jacobians = in_chunks(pull, basis, ROWS_AT_ONCE // len(prompts)).double()  # (d_final, n, d)
    ones, metrics = torch.ones(decoder.head.weight.shape[0]), []
    for i, own in enumerate(torch.softmax(logits.detach().double(), -1)):
        head = HeadMetric(decoder.head.weight.detach(), ones, own).dense()
        metrics.append((jacobians[:, i].T @ head @ jacobians[:, i]).numpy())
    return metrics


def one_by_one(model: LanguageModel, prompts: torch.Tensor, layer: int) -> list[np.ndarray]:
    """The same as ``fisher_metrics`` does, checks at construction included."""
    return [Continuation(model, ids, layer).fisher() for ids in prompts]


@pytest.fixture(scope="module")
def prompts(ids: list[int]) -> torch.Tensor:
    """(PROMPTS, T): the prompt, turned round by one token more in each."""
    return torch.tensor([[*ids[i:], *ids[:i]] for i in range(PROMPTS)])


def test_one_by_one(benchmark, model, prompts):
    """What ``fisher_metrics`` does."""
    timed(benchmark, one_by_one, model, prompts, LAYER, rounds=3)


def test_one_by_one_without_the_checks(benchmark, model, prompts):
    """The metrics alone: what is left to gain from a batch, prefix passes and checks aside."""
    built = [Continuation(model, ids, LAYER) for ids in prompts]
    timed(benchmark, lambda: [one.fisher() for one in built], rounds=3)


def test_in_one_batch(benchmark, model, prompts):
    """One prefix pass, one suffix pass, one batched backward pass for all; no checks."""
    found = timed(benchmark, in_one_batch, model, prompts, LAYER, rounds=3)
    for metric, expected in zip(found, one_by_one(model, prompts, LAYER), strict=True):
        # Two orders of the same float32 products: a hundred roundings.
        assert np.linalg.norm(metric - expected) < 1e-5 * np.linalg.norm(expected)

"""What steering costs a user: generation of 24 tokens, plain, steered, and steered by nnsight."""

from __future__ import annotations

import time

import pytest
import torch

from benchmarks.conftest import LAYER, timed
from llm_validation.hooks import steer

NEW_TOKENS = 24
OPTIONS = {
    "max_new_tokens": NEW_TOKENS,
    "min_new_tokens": NEW_TOKENS,
    "do_sample": False,
    "pad_token_id": 2,
}
pytestmark = pytest.mark.benchmark(group="generation of 24 tokens")


def _generate(model, ids):
    tokens = torch.tensor([ids])
    with torch.no_grad():
        return model.model.generate(tokens, attention_mask=torch.ones_like(tokens), **OPTIONS)


@pytest.fixture(scope="module")
def vector():
    """About half as long as the state, in a random direction."""
    return 80 * torch.randn(576, generator=torch.Generator().manual_seed(0)) / 24


def test_plain(benchmark, model, ids):
    """``generate`` as it is."""
    assert timed(benchmark, _generate, model, ids).shape[1] == len(ids) + NEW_TOKENS


def test_steered(benchmark, model, ids, vector):
    """The same inside ``steer``, every position."""

    def steered() -> torch.Tensor:
        with steer(model, vector, LAYER, 1.0):
            return _generate(model, ids)

    assert not torch.equal(timed(benchmark, steered), _generate(model, ids))


def test_overhead_in_pairs(benchmark, model, ids, vector):
    """Plain and steered in turns: the median ratio of 20 pairs, with its 95 % sign interval."""

    def pair() -> float:
        start = time.perf_counter()
        _generate(model, ids)
        between = time.perf_counter()
        with steer(model, vector, LAYER, 1.0):
            _generate(model, ids)
        return (time.perf_counter() - between) / (between - start)

    pair()
    ratios = sorted(pair() for _ in range(20))
    # Ranks 6 and 15 of 20 enclose the median with 95.9 %.
    benchmark.extra_info["ratio_to_plain"] = (sum(ratios[9:11]) / 2, ratios[5], ratios[14])
    timed(benchmark, pair, rounds=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nnsight(benchmark, model, ids, vector):
    """The same with nnsight, every generated step."""
    nnsight = pytest.importorskip("nnsight")
    wrapped = nnsight.LanguageModel(model.model, tokenizer=model.tokenizer)
    block = wrapped.model.layers[LAYER]

    def steered() -> torch.Tensor:
        with torch.no_grad(), wrapped.generate(torch.tensor([ids]), **OPTIONS) as tracer:
            for _ in tracer.iter[:NEW_TOKENS]:
                block.output = block.output + vector
            generated = tracer.result.save()
        return generated

    generated = timed(benchmark, steered)
    with steer(model, vector, LAYER, 1.0):
        assert torch.equal(generated, _generate(model, ids))

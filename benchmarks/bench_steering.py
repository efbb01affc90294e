"""What steering costs a user: generation of 64 tokens, plain, steered, and steered by nnsight."""

from __future__ import annotations

import pytest
import torch

from benchmarks.conftest import LAYER, timed
from llm_validation.hooks import steer

NEW_TOKENS = 64
pytestmark = pytest.mark.benchmark(group="generation of 64 tokens")


def _generate(model, ids):
    tokens = torch.tensor([ids])
    with torch.no_grad():
        return model.model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=model.tokenizer.eos_token_id,
        )


@pytest.fixture(scope="module")
def vector():
    """A tenth of the state's norm, in a random direction."""
    return 10 * torch.randn(576, generator=torch.Generator().manual_seed(0)) / 24


def test_plain(benchmark, model, ids):
    """``generate`` as it is."""
    assert timed(benchmark, _generate, model, ids).shape[1] == len(ids) + NEW_TOKENS


def test_steered(benchmark, model, ids, vector):
    """The same inside ``steer``, every position."""

    def steered() -> torch.Tensor:
        with steer(model, vector, LAYER, 1.0):
            return _generate(model, ids)

    assert not torch.equal(timed(benchmark, steered), _generate(model, ids))


def test_nnsight(benchmark, model, ids, vector):
    """The same with nnsight, every generated step."""
    nnsight = pytest.importorskip("nnsight")
    wrapped = nnsight.LanguageModel(model.model, tokenizer=model.tokenizer)
    tokens = torch.tensor([ids])

    def steered() -> None:
        with (
            wrapped.generate(
                tokens, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False
            ) as tracer,
            tracer.all(),
        ):
            output = wrapped.model.layers[LAYER].output
            wrapped.model.layers[LAYER].output = output + vector

    timed(benchmark, steered)

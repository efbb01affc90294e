"""What every benchmark runs on: SmolLM2, after block 15, a prompt of 41 tokens, two threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model

LAYER, TOKENS, THREADS = 15, 41, 2

_TEXT = (
    "The committee met in the old town hall to review the application once more, and after a long "
    "discussion its members agreed that the proposal, although carefully written and well argued, "
    "should be sent back to its authors"
)


@pytest.fixture(scope="session")
def model() -> LanguageModel:
    """In float32."""
    return load_model(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def ids(model: LanguageModel) -> list[int]:
    """The prompt."""
    found = encode(model, _TEXT, chat=False)[:TOKENS]
    assert len(found) == TOKENS
    return found


@pytest.fixture(scope="session")
def continuation(model: LanguageModel, ids: list[int]) -> Continuation:
    """From the last token's state to the logits."""
    return Continuation(model, ids, LAYER)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The benchmarks are about a machine of two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def timed(benchmark: Any, function: Any, *arguments: Any, rounds: int = 5, times: int = 1) -> Any:
    """Run under the clock after one warm-up; ``times`` is what one round stands for.

    A method too slow to be timed whole is timed on a part, and the table multiplies.
    """
    benchmark.extra_info["times"] = times
    return benchmark.pedantic(function, arguments, rounds=rounds, warmup_rounds=1, iterations=1)

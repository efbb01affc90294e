"""KL of displaced states: few rows at a time against all at once, and what building adds.

Why logits are taken few rows at a time (``memory.in_float64``), and why cells of one prompt share
its continuation (``kept_continuation``).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.conftest import LAYER, timed
from llm_validation.continuation import Continuation
from llm_validation.divergence import kl_of

ROWS = 64

pytestmark = pytest.mark.benchmark(group=f"KL of {ROWS} displacements")


def all_rows_at_once(there: Continuation, rows: torch.Tensor) -> np.ndarray:
    """(n,) from float64 copies of all logits."""
    with torch.no_grad():
        own = torch.log_softmax(there.logits.double(), -1)
        return kl_of(own, torch.log_softmax(there(there.state + rows).double(), -1)).numpy()


@pytest.fixture(autouse=True)
def one_thread(threads) -> None:
    """As in a cell; ``threads`` has set two, and sets back what was before."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rows(continuation) -> torch.Tensor:
    """(ROWS, d) as long as the state."""
    drawn = torch.randn(ROWS, continuation.width, generator=torch.Generator().manual_seed(0))
    return drawn * continuation.state.norm() / drawn.norm(dim=1, keepdim=True)


def test_few_rows_at_a_time(benchmark, continuation, rows):
    """What every cell does."""
    found = timed(benchmark, continuation.kl, rows)
    # The unsteered logits come from another pass in float32: relative errors of 1e-6 in a logit.
    assert found == pytest.approx(all_rows_at_once(continuation, rows), rel=1e-4)


def test_all_rows_at_once(benchmark, continuation, rows):
    """The same forward pass and the same sums."""
    timed(benchmark, all_rows_at_once, continuation, rows)


def test_few_rows_and_the_continuation_built(benchmark, model, ids, rows):
    """Without sharing."""
    timed(benchmark, lambda: Continuation(model, ids, LAYER).kl(rows))

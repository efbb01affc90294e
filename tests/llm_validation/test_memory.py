"""Chunks when memory runs out, and how the bytes of a row are counted."""

from __future__ import annotations

import warnings

import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation import memory
from llm_validation.continuation import Continuation
from llm_validation.memory import (
    AllocatedBytes,
    SmallerChunkWarning,
    free_bytes,
    in_chunks,
    is_out_of_memory,
    rows_at_once,
)
from tests.llm_validation.architectures import WIDTH, prompt, tiny
from tests.llm_validation.full_forward import relative_error

CPU = torch.device("cpu")


def too_large() -> torch.Tensor:
    """What the allocator really says: no machine has 400 TB."""
    return torch.empty(10**14)


def running_out_above(limit: int, function):
    """``function``, with the machine's own error for more rows than ``limit``."""
    sizes: list[int] = []

    def limited(rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return function(rows) if len(rows) <= limit else too_large()

    return limited, sizes


def test_the_chunk_is_halved_until_it_fits_and_says_so():
    rows = torch.arange(20.0)[:, None]
    limited, sizes = running_out_above(5, lambda chunk: chunk**2)
    with pytest.warns(SmallerChunkWarning, match="out of memory on cpu with") as caught:
        found = in_chunks(limited, rows, 16)
    assert torch.equal(found, rows**2)
    assert sizes == [16, 8, 4, 4, 4, 4, 4]  # what is done is not done again
    told = [str(warning.message).split("with ", 1)[1] for warning in caught]
    assert told == ["16 rows at once; going on with 8", "8 rows at once; going on with 4"]


def test_no_room_for_one_row_is_one_sentence():
    limited, sizes = running_out_above(0, lambda chunk: chunk)
    with (
        warnings.catch_warnings(),
        pytest.raises(InvalidInput, match=r"must hold one row .* use a shorter prompt") as raised,
    ):
        warnings.simplefilter("ignore", SmallerChunkWarning)
        in_chunks(limited, torch.ones(6, 2), 6)
    assert sizes == [6, 3, 1] and "\n" not in str(raised.value)


def test_only_memory_is_taken_for_memory():
    def broken(rows: torch.Tensor) -> torch.Tensor:
        return rows @ torch.ones(3, 3)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        in_chunks(broken, torch.ones(4, 2), 4)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("out of memory, said a user's own hook"))
    with pytest.raises(RuntimeError) as raised:
        too_large()
    assert is_out_of_memory(raised.value)


def test_rows_follow_the_free_memory(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 8000)
    assert rows_at_once(1000, CPU, 256) == 4
    assert rows_at_once(1, CPU, 256) == 256
    assert rows_at_once(1e9, CPU, 256) == 1
    # An accelerator has no use for the limit of the CPU's caches.
    assert rows_at_once(1, torch.device("meta"), 256) == 4000


def test_free_memory_is_what_the_system_says():
    psutil = pytest.importorskip("psutil")
    total = psutil.virtual_memory().total
    assert 0 < free_bytes(CPU) < total


def test_bytes_made_are_counted_and_views_are_not():
    with AllocatedBytes() as made:
        first = torch.ones(10, 10, dtype=torch.float64)  # 800
        second = first @ first  # 800
        second.T.contiguous()[:5].expand(5, 10)  # 800
        second.add_(1)
        first.view(100)[:50]
    assert made.total == 2400


@pytest.mark.parametrize("name", ["llama", "bloom"])
def test_a_pass_makes_no_more_than_the_bytes_of_its_rows(name):
    """What blocks up to the layer make for one row counts once, not for every row."""
    suffix = Continuation(tiny(name), prompt(), 0, 5)._suffix
    rows = suffix.state.expand(32, -1)
    with AllocatedBytes() as made:
        suffix.for_derivatives(rows)
    assert 0.2 * 32 * suffix.bytes_per_row < made.total <= 32 * suffix.bytes_per_row


@pytest.mark.parametrize("limit", [1, 3])
def test_results_depend_on_the_chunk_by_rounding_only(monkeypatch, limit):
    model = tiny("mistral")
    whole = Continuation(model, prompt(), 1, 4)
    states = whole.state + torch.randn(
        7, WIDTH, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    expected = whole(states), whole.fisher(), whole.kl(states)
    per_row = whole._suffix.bytes_per_row
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2.2 * limit * per_row)
    small = Continuation(model, prompt(), 1, 4)
    assert small._linearised(None).at_once == limit
    assert relative_error(small(states), expected[0]) < 1e-13
    scale = abs(expected[1]).max()
    assert abs(small.fisher() - expected[1]).max() < 1e-13 * scale
    assert small.kl(states) == pytest.approx(expected[2], rel=1e-10)


def test_a_metric_goes_on_when_memory_runs_out_in_its_backward_passes(monkeypatch):
    continuation = Continuation(tiny("llama"), prompt(), 1)
    expected = continuation.fisher()
    grad, failures = torch.autograd.grad, []

    def running_out(*args, **named):
        if named.get("is_grads_batched") and len(args[2]) > 8:
            failures.append(len(args[2]))
            too_large()
        return grad(*args, **named)

    monkeypatch.setattr(torch.autograd, "grad", running_out)
    with pytest.warns(SmallerChunkWarning, match="rows at once; going on with"):
        found = continuation.fisher()
    assert failures == [32, 16]
    assert abs(found - expected).max() < 1e-13 * abs(expected).max()

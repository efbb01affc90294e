"""Chunks when memory runs out, and how the bytes of a row are counted."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation import fisher, memory
from llm_validation.completion import Completion
from llm_validation.completion_likelihood import CompletionLikelihood
from llm_validation.continuation import Continuation
from llm_validation.measurements import divergences, steered_logit_distance
from llm_validation.memory import (
    AllocatedBytes,
    SmallerChunkWarning,
    all_bytes,
    free_bytes,
    in_chunks,
    is_out_of_memory,
    rows_at_once,
)
from llm_validation.suffix import Suffix
from tests.llm_validation.architectures import WIDTH, WORDS, prompt, tiny
from tests.llm_validation.full_forward import relative_error
from tests.llm_validation.tiny_language_model import tiny_language_model

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


@pytest.mark.parametrize("free", [5e5, 1e9, 1e15])
def test_rows_do_not_follow_the_free_memory_as_long_as_it_takes_them(monkeypatch, recwarn, free):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    assert rows_at_once(1000, 900, CPU, 256) == 256
    assert rows_at_once(7, 900, CPU, 256) == 7
    assert not recwarn


@pytest.mark.parametrize(("size", "left"), [(1000, 4), (1001, 2), (1e9, 1)])
def test_rows_are_halved_where_memory_is_short_and_it_is_said(monkeypatch, size, left):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 8000)
    with pytest.warns(SmallerChunkWarning, match=f"0 MB free on cpu .* 16 rows .* with {left}"):
        assert rows_at_once(16, size, CPU, 256) == left


def test_an_accelerator_takes_a_fixed_share_of_all_its_memory(monkeypatch):
    """It has no use for the limit of the CPU's caches."""
    monkeypatch.setattr(memory, "all_bytes", lambda device: 16_000)
    for free in (8000, 16_000):
        monkeypatch.setattr(memory, "free_bytes", lambda device, free=free: free)
        assert rows_at_once(10**6, 1, torch.device("meta"), 256) == 4000
    monkeypatch.setattr(memory, "free_bytes", lambda device: 7999)
    with pytest.warns(SmallerChunkWarning, match="on meta are little for 4000 rows"):
        assert rows_at_once(10**6, 1, torch.device("meta"), 256) == 2000


def test_free_memory_is_what_the_system_says():
    psutil = pytest.importorskip("psutil")
    total = psutil.virtual_memory().total
    assert 0 < free_bytes(CPU) < total == all_bytes(CPU)


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


def drawn_states(around: torch.Tensor, rows: int) -> torch.Tensor:
    noise = torch.randn(rows, len(around), generator=torch.Generator().manual_seed(2))
    return around + noise.to(around)


@pytest.mark.parametrize("limit", [1, 4])
def test_results_depend_on_the_chunk_by_rounding_only(monkeypatch, limit):
    whole = Continuation(tiny("mistral"), prompt(), 1, 4)
    states = drawn_states(whole.state, 8)
    expected = whole(states), whole.fisher(), whole.kl(states)
    per_row = whole._suffix.bytes_per_row
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2.2 * limit * per_row)
    small = Continuation(tiny("mistral"), prompt(), 1, 4)
    with pytest.warns(SmallerChunkWarning, match=f"; going on with {limit}, by which the last"):
        assert small._linearised(None).at_once(WIDTH) == limit
        found = small(states), small.fisher(), small.kl(states)
    assert relative_error(found[0], expected[0]) < 1e-13
    assert abs(found[1] - expected[1]).max() < 1e-13 * abs(expected[1]).max()
    assert found[2] == pytest.approx(expected[2], rel=1e-10)


def test_results_are_equal_to_the_bit_whatever_memory_is_free(monkeypatch, recwarn):
    """In float32, where another chunk would show."""
    found = []
    for free in (1e9, 3e10, 1e14):
        monkeypatch.setattr(memory, "free_bytes", lambda device, free=free: free)
        continuation = Continuation(tiny("llama", torch.float32), prompt(), 1, 4)
        states = drawn_states(continuation.state, 40)
        vectors = states.cpu().numpy().T
        found.append(
            [
                continuation(states).cpu().numpy(),
                continuation.kl(states),
                continuation.fisher(),
                continuation.fisher_operator() @ vectors,
                continuation.jacobian_operator() @ vectors,
            ]
        )
    for other in found[1:]:
        assert all(np.array_equal(*pair) for pair in zip(found[0], other, strict=True))
    assert not recwarn


RESULTS = {
    "logits": lambda c, states: c(states).cpu().numpy(),
    "final state": lambda c, states: c.final_state(states).cpu().numpy(),
    "kl": lambda c, states: c.kl(states - states[0]),
    "fisher": lambda c, states: c.fisher(),
    "fisher operator": lambda c, states: c.fisher_operator() @ states.cpu().numpy().T,
    "jacobian operator": lambda c, states: c.jacobian_operator() @ states.cpu().numpy().T,
    "adjoint": lambda c, states: c.jacobian_operator().T @ np.eye(WORDS)[:, :32],
}


def running_out_of_memory(monkeypatch, limit: int) -> list[int]:
    """The allocator's own error for more rows than ``limit``, forwards and backwards."""
    failures: list[int] = []
    run, grad = Suffix._run, torch.autograd.grad

    def refused(rows: int) -> bool:
        if rows > limit:
            failures.append(rows)
        return rows > limit

    def limited_run(self, rows, read=None):
        return too_large() if refused(len(rows)) else run(self, rows, read)

    def limited_grad(*args, **named):
        batched = named.get("is_grads_batched") and refused(len(args[2]))
        return too_large() if batched else grad(*args, **named)

    monkeypatch.setattr(Suffix, "_run", limited_run)
    monkeypatch.setattr(torch.autograd, "grad", limited_grad)
    return failures


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_goes_on_in_smaller_chunks_when_memory_runs_out(monkeypatch, name):
    continuation = Continuation(tiny("llama"), prompt(), 1)
    states = drawn_states(continuation.state, 32)
    expected = RESULTS[name](continuation, states)
    failures = running_out_of_memory(monkeypatch, 8)
    with pytest.warns(SmallerChunkWarning, match="out of memory on cpu with 32 rows at once"):
        found = RESULTS[name](continuation, states)
    assert failures[:2] == [32, 16]
    assert abs(found - expected).max() < 1e-12 * abs(expected).max()


@pytest.mark.filterwarnings("ignore::llm_validation.memory.SmallerChunkWarning")
@pytest.mark.parametrize("name", RESULTS)
def test_one_row_that_memory_does_not_hold_is_one_sentence(monkeypatch, name):
    continuation = Continuation(tiny("llama"), prompt(), 1)
    states = drawn_states(continuation.state, 32)
    running_out_of_memory(monkeypatch, 0)
    sentence = r"must hold one row of this computation, \d+ MB free on cpu do not; use a shorter"
    with pytest.raises(InvalidInput, match=sentence) as raised:
        RESULTS[name](continuation, states)
    assert "\n" not in str(raised.value)


def test_the_fold_of_the_head_goes_on_in_smaller_blocks_of_words(monkeypatch):
    continuation = Continuation(tiny("llama"), prompt(), 1)
    expected = continuation.fisher()
    gram = fisher._gram

    def limited(rows: torch.Tensor) -> torch.Tensor:
        return gram(rows) if len(rows) <= 20 else too_large()

    monkeypatch.setattr(fisher, "_gram", limited)
    with pytest.warns(SmallerChunkWarning, match=f"with {WORDS} rows at once; going on with 33"):
        found = continuation.fisher()
    assert abs(found - expected).max() < 1e-13 * abs(expected).max()


@pytest.mark.parametrize("shape", [(7, 3, 50_000), (9, 70_000), (2, 5), (1, 300_000)])
def test_few_rows_at_a_time_are_all_of_them_in_float64(shape):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    sizes = []

    def function(some):
        sizes.append(some.numel())
        return some.logsumexp(-1)

    found = memory.in_float64(function, logits)
    assert found.dtype == torch.float64
    assert torch.equal(found, logits.double().logsumexp(-1))
    assert max(sizes) <= max(200_000, logits[0].numel())
    assert sum(sizes) == logits.numel()


def test_what_is_measured_does_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch):
    """The tiny vocabulary fits at once; a large one goes row by row."""
    model = tiny_language_model("llama")
    rows = np.random.default_rng(0).standard_normal((5, WIDTH))
    ids = prompt(6)[0].tolist()

    def measured():
        steps = {"layer": 1, "displacements": rows}
        return [
            Continuation(model, ids, 1).kl(rows),
            Completion(model, ids, [3, 4, 5], 1).kl(rows),
            CompletionLikelihood(model, ids, [3, 4, 5], 1)(rows),
            *divergences.measure(model, ids=ids, **steps).values(),
            *steered_logit_distance.measure(model, ids=ids, base=rows[0], **steps).values(),
        ]

    together = measured()
    monkeypatch.setattr(memory, "_NUMBERS_AT_ONCE", 1)
    for one, other in zip(together, measured(), strict=True):
        assert one.shape == other.shape == (5,)
        assert np.array_equal(one, other)

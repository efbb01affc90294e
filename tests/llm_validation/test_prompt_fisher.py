"""Many prompts: order, mean, resuming, damaged files, and the measured error of a dtype."""

from __future__ import annotations

import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation import prompt_fisher
from llm_validation.continuation import Continuation
from llm_validation.metric_store import MetricStore
from llm_validation.models import LanguageModel
from llm_validation.prompt_fisher import fisher_metrics, mean_fisher, metric_error
from tests.llm_validation.architectures import BLOCKS, WIDTH, WORDS, tiny
from tests.llm_validation.zips import zipped

pytestmark = pytest.mark.usefixtures("device")


def named(dtype: str = "float64", architecture: str = "llama") -> LanguageModel:
    return LanguageModel(
        model=tiny(architecture, getattr(torch, dtype)),
        tokenizer=None,
        name="tiny",
        revision="local",
        weights_sha256="0" * 64,
        dtype=dtype,
        layers=BLOCKS,
        width=WIDTH,
        norm="rms",
    )


def prompts(count: int = 3) -> list[list[int]]:
    rng = np.random.default_rng(9)
    return [rng.integers(3, WORDS, size).tolist() for size in range(5, 5 + count)]


def single(ids, layer=1, position=-1, dtype="float64"):
    return Continuation(named(dtype), ids, layer, position).fisher()


@pytest.fixture
def computed(monkeypatch) -> list[list[int]]:
    """Token ids of the prompts whose metric is really computed."""
    seen: list[list[int]] = []

    class Counted(Continuation):
        def __init__(self, model, input_ids, layer, position=-1):
            seen.append(torch.as_tensor(input_ids).flatten().tolist())
            super().__init__(model, input_ids, layer, position)

    monkeypatch.setattr(prompt_fisher, "Continuation", Counted)
    return seen


def test_metrics_come_in_order_with_their_progress():
    told = []
    found = list(
        fisher_metrics(tiny("llama"), prompts(), 1, -2, advance=lambda *step: told.append(step[:2]))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    for metric, ids in zip(found, prompts(), strict=True):
        assert np.array_equal(metric, single(ids, 1, -2))


def test_the_mean_is_the_mean(tmp_path):
    expected = np.mean([single(ids) for ids in prompts()], axis=0)
    assert np.allclose(mean_fisher(named(), prompts(), 1), expected, rtol=1e-14, atol=0)
    store = MetricStore(tmp_path / "kept")
    for _ in range(2):  # the second time it is read back
        found = mean_fisher(named(), prompts(), 1, store=store)
        assert np.allclose(found, expected, rtol=1e-14, atol=0)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, computed):
    store = MetricStore(tmp_path)

    def interrupt(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mean_fisher(named(), prompts(4), 1, store=store, advance=interrupt)
    assert computed == prompts(4)[:2]
    found = mean_fisher(named(), prompts(4), 1, store=store)
    assert computed == prompts(4)
    assert np.array_equal(found, sum(single(ids) for ids in prompts(4)) / 4)


def test_a_metric_is_taken_for_another_only_if_everything_is_equal(tmp_path, computed):
    store, ids = MetricStore(tmp_path), prompts(1)
    other_weights = replace(named(), weights_sha256="1" * 64)
    runs = [
        (named(), ids, 1, -1),
        (named(), ids, 2, -1),
        (named(), ids, 1, 0),
        (named("float32"), ids, 1, -1),
        (named(), [ids[0][:-1]], 1, -1),
        (other_weights, ids, 1, -1),
    ]
    for run in runs:
        mean_fisher(*run, store=store)
    assert len(computed) == len(runs) == len(list(tmp_path.iterdir()))
    # The same layer, position and prompt said in another way.
    mean_fisher(named(), [torch.tensor([ids[0]])], 1 - BLOCKS, len(ids[0]) - 1, store=store)
    assert len(computed) == len(runs)


def _stated(shape):
    """A .npy file that says it has this shape, and has four numbers."""
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "is damaged .*; delete it"),
        (lambda path: path.write_bytes(b""), "is damaged .*; delete it"),
        (lambda path: path.write_text("not numbers"), "is damaged .*; delete it"),
        (lambda path: path.write_bytes(zipped({"a.npy": b""})), "is damaged .*; delete it"),
        (lambda path: path.write_bytes(_stated("(1099511627776, 4)")), "is damaged .*; delete it"),
        (lambda path: path.write_bytes(_stated("(-1, 32)")), "is damaged .*; delete it"),
        (lambda path: np.save(path, np.eye(300)), r"is damaged .* 32 x 32 numbers"),
        (lambda path: np.save(path, np.array([{}])), "is damaged .*; delete it"),
        (lambda path: np.save(path, np.eye(32, dtype="f4")), "got .* float32; delete it"),
        (lambda path: (path.unlink(), path.mkdir()), "is damaged .*; delete it"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is damaged .*; delete it"),
        (lambda path: np.save(path, np.eye(3)), r"must hold a \(32, 32\) .* got \(3, 3\)"),
    ],
)
def test_a_damaged_file_is_said_and_not_used(tmp_path, content, sentence):
    store = MetricStore(tmp_path)
    mean_fisher(named(), prompts(1), 1, store=store)
    (file,) = tmp_path.iterdir()
    content(file)
    with pytest.raises(InvalidInput, match=sentence):
        mean_fisher(named(), prompts(1), 1, store=store)


def test_the_error_of_a_dtype_is_its_distance_from_float64_at_the_same_state(monkeypatch):
    remembered = {}

    class Once(Continuation):
        """Rounding need not repeat to the last digit: each metric is computed once."""

        def __init__(self, model, ids, layer, position=-1):
            super().__init__(model, ids, layer, position)
            self.key = (self.state.dtype, str(ids))

        def fisher(self, h=None):
            return remembered.setdefault(self.key, super().fisher(h))

    monkeypatch.setattr(prompt_fisher, "Continuation", Once)
    ids = prompts(2)
    expected = []
    for one in ids:
        here = Once(named("float32"), one, 1)
        exact = Once(named(), one, 1).fisher(here.state.double())
        expected.append(np.abs(np.linalg.eigvalsh(here.fisher() - exact)).max())
    told = []
    found = metric_error(named("float32"), ids, 1, advance=lambda *step: told.append(step[:2]))
    assert found == pytest.approx(max(expected), rel=1e-6)
    assert told == [(1, 2), (2, 2)]
    # float32 keeps seven digits of the largest eigenvalue, a hundred roundings spoil two of them.
    scale = np.linalg.norm(single(ids[0]), 2)
    assert 1e-9 * scale < found < 1e-5 * scale


def test_no_eigenvalue_moves_by_more_than_the_error():
    ids = prompts(1)[0]
    error = metric_error(named("float32", "gpt2"), [ids], 1)
    here = Continuation(named("float32", "gpt2"), ids, 1)
    exact = Continuation(named("float64", "gpt2"), ids, 1).fisher(here.state.double())
    moved = np.linalg.eigvalsh(here.fisher()) - np.linalg.eigvalsh(exact)
    assert np.abs(moved).max() <= error * (1 + 1e-9)
    # The exact null direction of a pre-LN model is below it in either dtype.
    assert abs(np.linalg.eigvalsh(here.fisher())[0]) <= error


def test_bfloat16_can_be_compared_with_its_float32_copy():
    half = named("bfloat16")
    wide = half.to_dtype("float32")
    found = metric_error(half, prompts(1), 1, reference=wide)
    assert found == pytest.approx(metric_error(half, prompts(1), 1), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda store: mean_fisher(named(), [], 1), "at least one prompt, got none"),
        (lambda store: metric_error(named("float32"), [], 1), "at least one prompt, got none"),
        (
            lambda store: mean_fisher(tiny("llama"), prompts(), 1, store=store),
            "a store needs a LanguageModel, got LlamaForCausalLM; load it with load_model",
        ),
        (lambda store: metric_error(named(), prompts(1), 1), "reference must be in a wider dtype"),
        (lambda store: mean_fisher(named(), prompts(), 7), "layer must be between"),
        (lambda store: MetricStore(__file__), "store must be a folder that can be made"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, call, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        call(MetricStore(tmp_path))
    assert "\n" not in str(raised.value)

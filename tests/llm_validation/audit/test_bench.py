"""What a bench keeps in memory of metrics that are only averaged."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit import bench as module
from llm_validation.audit.bench import Bench, Case

WIDTH = 3


class Read:
    """Stands for what ``run_cells`` returns: a metric is made when it is asked for."""

    def __init__(self, cells, missing) -> None:
        self.missing, self._cells = missing, list(cells)
        self._alive: list[weakref.ref[np.ndarray]] = []
        self.most = 0

    def __getitem__(self, cell):
        metric = np.full((WIDTH, WIDTH), 2.0 ** self._cells.index(cell))
        self._alive.append(weakref.ref(metric))
        self.most = max(self.most, sum(one() is not None for one in self._alive))
        return {"metric": metric}


@pytest.fixture
def run(monkeypatch):
    """A bench on which nothing runs, ten cases, and what was read; prompt 99 has no result."""
    made: list[Read] = []

    def run_cells(cells, *_args, **_options):
        made.append(Read(cells, {c: "no room" for c in cells if c.settings["ids"] == [99]}))
        return made[-1]

    monkeypatch.setattr(module, "run_cells", run_cells)
    model = SimpleNamespace(name="none", dtype="float32", weights_sha256="0")
    cases = [Case([i], {"kind": "next-token"}) for i in range(10)]
    return Bench(model, 1, None), cases, made


def test_the_mean_of_many_metrics_holds_few_of_them(run):
    bench, cases, made = run
    found = bench.mean_metric(cases, np.zeros(WIDTH))
    assert np.array_equal(found, np.full((WIDTH, WIDTH), (2.0**10 - 1) / 10))
    assert made[0].most <= 3
    assert len(bench.done) == 10


def test_a_list_of_them_holds_all(run):
    """The same reader sees it, so that the test above could fail."""
    bench, cases, made = run
    assert len(bench.metrics(cases, np.zeros(WIDTH))) == 10
    assert made[0].most == 10


def test_one_that_is_missing_is_said_and_no_mean_is_taken(run):
    bench, cases, _ = run
    with pytest.raises(InvalidInput, match="metric, layer 1 could not be measured: no room"):
        bench.mean_metric([*cases, Case([99], {"kind": "next-token"})], np.zeros(WIDTH))
    assert not bench.done

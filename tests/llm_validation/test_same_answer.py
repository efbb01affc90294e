"""A run of claims is the same bits on one process or two, on Dask, resumed, and in any order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from identifiability.store import Store
from llm_validation import run as module
from llm_validation.request import Request
from tests.identifiability.dask_processes import dask_cluster
from tests.llm_validation.tiny_run import tiny_request, tiny_run


@pytest.fixture
def request_in_float32(tmp_path) -> Request:
    return tiny_request(tmp_path)


def _answer(*arguments, **how) -> tuple[str, dict[str, bytes]]:
    document, cells = tiny_run(*arguments, **how)
    return json.dumps(document, sort_keys=True), cells


def _stopped(after: int) -> Callable[..., None]:
    """Ctrl-C when so much progress was told."""
    told = []

    def advance(done: int, total: int, what: str) -> None:
        told.append(done)
        if len(told) == after:
            raise KeyboardInterrupt

    return advance


def test_workers_order_and_stops_change_no_bit(request_in_float32, tmp_path, monkeypatch):
    expected = _answer(tmp_path / "one", request_in_float32, workers=1)
    assert len(expected[1]) > 20
    assert _answer(tmp_path / "two", request_in_float32, workers=2) == expected

    original, draw = module.run_cells, random.Random(3)

    def shuffled(cells, store, **options):
        return original(draw.sample(list(cells), len(cells)), store, **options)

    monkeypatch.setattr(module, "run_cells", shuffled)
    resumed = tmp_path / "resumed"
    kept = [0]
    for after in (6, 12):
        with pytest.raises(KeyboardInterrupt):
            tiny_run(resumed, request_in_float32, workers=1, advance=_stopped(after))
        with Store(resumed, write=False) as store:
            kept.append(len(store.keys()))
    assert kept[0] < kept[1] < kept[2] < len(expected[1])
    assert _answer(resumed, request_in_float32, workers=1) == expected


@pytest.mark.slow
def test_dask_changes_no_bit(request_in_float32, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    expected = _answer(tmp_path / "one", request_in_float32, workers=1)
    with dask_cluster(tmp_path) as (address, _):
        assert _answer(tmp_path / "dask", request_in_float32, cluster=address) == expected

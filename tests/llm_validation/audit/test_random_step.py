"""Random steps: of one length, across the vector, each prompt with its own."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.store import Store
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.random_step import STEPS, measured_random_step, orthogonal_steps
from llm_validation.continuation import Continuation
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved

BASE = 0.4 * np.random.default_rng(1).standard_normal(WIDTH)
LENGTH = 0.7
CASES = [Case(ids, {"kind": "next-token"}) for ids in ([5, 9, 33], [7, 21, 40, 8], [3, 4], [50, 6])]


@pytest.fixture
def bench(tmp_path):
    model = saved(tmp_path / "model", "llama")
    with Store(tmp_path / "cells") as store:
        yield Bench(model, 1, store, workers=1)


def test_steps_have_the_length_and_are_orthogonal_to_the_vector():
    steps = orthogonal_steps(BASE, LENGTH, 50, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), LENGTH)
    np.testing.assert_allclose(steps @ BASE, 0, atol=1e-12)
    # Uniform in what is left: no common direction, (d - 1)/d of the squared entries' spread.
    assert np.linalg.norm(steps.mean(axis=0)) < 3 * LENGTH / np.sqrt(50)


def test_each_prompt_has_steps_of_its_own_and_the_mean_is_over_all(bench):
    """Against the divergence by Continuation, step by step, for the same stream of numbers."""
    found = measured_random_step(bench, CASES, BASE, LENGTH, np.random.default_rng(3))
    rng, values = np.random.default_rng(3), []
    for case in CASES:
        there = Continuation(bench.model, case.ids, 1)
        steps = orthogonal_steps(BASE, LENGTH, STEPS, rng)
        values.append(there.kl(steps, there.state + there.state.new_tensor(BASE)).mean())
    assert found.estimate == pytest.approx(np.mean(values), rel=1e-8)
    assert 0 <= found.low < found.estimate < found.high


def test_the_interval_covers_which_directions_were_drawn(bench):
    """No step is shared, so that a prompt with its steps is one independent draw."""
    asked = []
    cells = type(bench)._step_cells

    class Watched(type(bench)):
        def _step_cells(self, *arguments):
            found = cells(self, *arguments)
            asked.extend(cell.arguments()["steps"] for cell in found)
            return found

    watched = Watched(bench.model, 1, bench.store, workers=1)
    measured_random_step(watched, CASES, BASE, LENGTH, np.random.default_rng(3))
    assert len(np.unique(np.concatenate(asked), axis=0)) == len(CASES) * STEPS

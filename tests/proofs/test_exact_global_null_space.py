"""N2c: intersections over prompts and states, and null spaces that are not what they seem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import null_space, subspace_angles

from proofs.checking import check
from proofs.exact_global_null_space import THEOREM, SampledContinuations, sample
from proofs.shared.smooth_maps import tanh_network


def discrepancy(name: str, instance: SampledContinuations) -> float:
    return THEOREM.conclusion(name).discrepancy(instance)


def example(name: str) -> SampledContinuations:
    found = next(c for c in THEOREM.counterexamples if c.assumption == name)
    return found.build(np.random.default_rng(0))


def readouts(*factors: list[list[int]], states: int = 6) -> SampledContinuations:
    rng = np.random.default_rng(4)
    layers = tuple(np.array(p) for p in factors)
    maps = tuple(
        tanh_network([p / 4, rng.standard_normal((1, len(p)))], [rng.standard_normal(len(p))])
        for p in layers
    )
    width = layers[0].shape[1]
    h = rng.standard_normal((states, width))
    return SampledContinuations(maps, layers, h, rng.standard_normal(width), (1.0, -2.0))


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_the_null_space_found_is_the_kernel_of_the_layers() -> None:
    for seed in range(20):
        instance = sample(np.random.default_rng(seed))
        truth = null_space(np.concatenate(instance.factors).astype(float))
        found = instance.seen.basis
        assert found.shape == truth.shape
        if truth.size:
            assert subspace_angles(found, truth).max() < 1e-9


def test_prompts_intersect_their_null_spaces() -> None:
    first, second = [[1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1]]
    assert readouts(first).seen.dimension == readouts(second).seen.dimension == 1
    both = readouts(first, second)
    assert both.seen.dimension == both.dimension == 0
    assert max(c.discrepancy(both) for c in THEOREM.conclusions) < 1e-12


@pytest.mark.parametrize("states", [1, 2, 3, 4, 5])
def test_each_state_of_a_scalar_readout_adds_a_row_until_nothing_is_left(states: int) -> None:
    rows = [[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 0, 2], [0, 0, 0, 1, -1]]
    instance = readouts(rows, states=states)
    assert instance.seen.dimension == 5 - min(states, 4)
    assert discrepancy("bound from above", instance) == 0
    assert (discrepancy("equivalence", instance) > 1e-7) == (states < 4)


def test_a_layer_that_is_not_what_the_outputs_depend_on_is_found_out() -> None:
    instance = readouts([[1, 0, 0], [0, 1, 0]])
    assert discrepancy("sampled kernel", instance) == 0
    wider = replace(instance, factors=(np.eye(3, dtype=int),))
    assert discrepancy("sampled kernel", wider) == 1
    narrower = replace(instance, factors=(np.array([[1, 0, 0]]),))
    assert discrepancy("bound from above", narrower) == 1


def test_a_state_that_wakes_the_dead_unit_ends_its_null_space() -> None:
    asleep = example("unique continuation")
    assert asleep.seen.dimension == 1
    awake = replace(asleep, states=np.vstack([asleep.states, [[0.0, 3.0]]]))
    assert awake.seen.dimension == 0


def test_the_hard_router_jumps_by_one_along_what_its_jacobians_miss() -> None:
    router = example("continuously differentiable")
    np.testing.assert_allclose(np.abs(router.seen.basis), [[0], [1]], atol=1e-15)
    assert discrepancy("factorisation", router) == pytest.approx(1.0)


@pytest.mark.parametrize("assumption", THEOREM.assumptions, ids=lambda a: a.name)
def test_predicates_accept_many_samples(assumption) -> None:
    assert all(assumption.holds(sample(np.random.default_rng([8, k]))) for k in range(20))

"""R3a: the dimension after k environments, never below d - kr and never growing."""

from __future__ import annotations

from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.checking import check
from proofs.environments_rank import THEOREM, Environments, claimed_path, true_path


def environments(jacobians: list[np.ndarray], rank: int) -> Environments:
    width = jacobians[0].shape[1]
    count = len(jacobians)
    return Environments(
        jacobians=tuple(jacobians),
        offsets=tuple(np.arange(len(J)) for J in jacobians),
        vectors=np.tile(np.arange(1, width + 1), (count, 1)),
        strengths=np.full(count, 2),
        rank=rank,
    )


def discrepancy(name: str, instance: Environments) -> float:
    return THEOREM.conclusion(name).discrepancy(instance)


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_seven_dimensions_three_at_a_time() -> None:
    rows = np.eye(7, dtype=int)
    instance = environments([rows[:3], rows[3:6], rows[[6, 0, 1]]], rank=3)
    assert true_path(instance) == claimed_path(instance, 3) == [4, 1, 0]
    assert discrepancy("needed", instance) == 0


def test_an_environment_seen_twice_adds_no_rank() -> None:
    rows = np.eye(4, dtype=int)
    instance = environments([rows[:2], rows[:2], rows[2:]], rank=2)
    assert true_path(instance) == [2, 2, 0]
    assert discrepancy("path", instance) == 2
    assert discrepancy("needed", instance) == 1
    # Stacking is right all the same: it is general position that failed.
    assert discrepancy("class", instance) == 0
    assert discrepancy("members", instance) < 1e-11


def test_the_class_of_a_silent_environment_is_not_that_of_its_jacobian() -> None:
    rows = np.eye(4, dtype=int)
    instance = environments([rows[:2], rows[2:]], rank=2)
    instance.strengths[1] = 0
    assert true_path(instance) == [2, 2]
    assert discrepancy("class", instance) == 2


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 5), st.integers(1, 5))
def test_no_choice_of_environments_beats_d_minus_kr(
    seed: int, width: int, rank: int, count: int
) -> None:
    """The lower bound needs no general position: small entries make plenty of degenerate ones."""
    rank = min(rank, width)
    rng = np.random.default_rng(seed)
    jacobians = [
        rng.integers(-1, 2, (rank + 1, rank)) @ rng.integers(-1, 2, (rank, width))
        for _ in range(count)
    ]
    path = true_path(environments(jacobians, rank))
    assert all(found >= width - (k + 1) * rank for k, found in enumerate(path))
    assert path == sorted(path, reverse=True)
    if 0 in path:
        assert path.index(0) + 1 >= ceil(width / rank)


def test_refutations_do_not_hang_on_the_seed() -> None:
    """Variants that are right for some sizes (r divides d, m = r) are drawn outside them."""
    for variant in THEOREM.false_variants:
        draw = variant.sample or THEOREM.sample
        threshold = THEOREM.conclusion(variant.instead_of).refutation_threshold
        measured = [variant.discrepancy(draw(np.random.default_rng(k))) for k in range(40)]
        assert np.mean(np.array(measured) > threshold) > 0.9, variant.statement

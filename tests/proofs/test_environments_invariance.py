"""R3c: what differences between environments determine of the common part, and what they hide."""

from __future__ import annotations

import numpy as np
import pytest

from proofs.checking import check
from proofs.environments_invariance import THEOREM, ExtractedVectors, sample


def extracted(common: list[int], spurious: list[list[int]], amounts: list[list[int]]):
    rows = np.tile(np.array(common), (len(amounts), 1))
    return ExtractedVectors(rows, np.array(spurious), np.array(amounts))


def broken(instance: ExtractedVectors) -> list[str]:
    return [a.name for a in THEOREM.assumptions if not a.holds(instance)]


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_worked_example_in_three_dimensions() -> None:
    instance = extracted([1, 2, 3], [[1], [1], [0]], [[0], [1], [5]])
    # c = (1, 2, 3) less its component 3/2 along (1, 1, 0).
    np.testing.assert_allclose(instance.invariant_part, [-0.5, 0.5, 3.0], atol=1e-14)
    assert broken(instance) == ["orthogonal"]
    assert THEOREM.conclusion("class").discrepancy(instance) == 0
    assert THEOREM.conclusion("recovery").discrepancy(instance) > 0.1


def test_every_member_of_the_class_explains_the_vectors_and_nothing_else_does() -> None:
    rng = np.random.default_rng(2)
    instance = sample(rng)
    spurious, vectors = instance.spurious, instance.vectors

    def explains(candidate: np.ndarray) -> bool:
        rest = (vectors - candidate).T
        amounts = np.linalg.lstsq(spurious, rest, rcond=None)[0]
        return bool(np.abs(spurious @ amounts - rest).max() < 1e-9)

    c = instance.common[0]
    assert explains(c + spurious @ rng.integers(-5, 6, spurious.shape[1]))
    for direction in instance.differences.null_space.T:
        assert not explains(c + direction)


def test_a_rival_with_one_more_spurious_direction_has_the_same_vectors() -> None:
    instance = extracted([0, 0, 2], [[1], [0], [0]], [[0], [1], [3]])
    u = np.array([0, 1, 1])
    rival = ExtractedVectors(
        instance.common + u,
        np.column_stack([instance.spurious, u]),
        np.column_stack([instance.amounts, [-1, -1, -1]]),
    )
    np.testing.assert_array_equal(rival.vectors, instance.vectors)
    assert broken(instance) == []
    assert "environments span" in broken(rival)
    assert THEOREM.conclusion("recovery").discrepancy(instance) < 1e-14
    assert THEOREM.conclusion("recovery").discrepancy(rival) > 0.1
    assert THEOREM.conclusion("class").discrepancy(rival) == 1


@pytest.mark.parametrize(("last", "off"), [(-3, 0.0), (3, 2.0)])
def test_the_average_is_right_exactly_when_the_amounts_balance(last: int, off: float) -> None:
    instance = extracted([0, 1, 1], [[1], [0], [0]], [[1], [2], [last]])
    apart = instance.vectors.mean(axis=0) - instance.common[0]
    np.testing.assert_allclose(apart, [off, 0, 0], atol=1e-15)
    assert THEOREM.conclusion("average").discrepancy(instance) < 1e-14

"""N4: the fields of an instance are its derivatives; quadratics depart exactly; witnesses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofs.checking import check
from proofs.strength_gauge import THEOREM, FactoredSteering, sample


def discrepancy(name: str, instance: FactoredSteering) -> float:
    return THEOREM.conclusion(name).discrepancy(instance)


def broken(name: str, instance: FactoredSteering) -> bool:
    return discrepancy(name, instance) > THEOREM.conclusion(name).refutation_threshold


def quadratic(vector: list[int], direction: list[int]) -> FactoredSteering:
    """F = (h1, h2^2 + h1 h3, h3 (h2 + h1)) at 0: J(0) sees h1 alone. P is the identity."""
    hessians = np.array(
        [np.zeros((3, 3)), [[0, 0, 1], [0, 2, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]]]
    )
    return FactoredSteering(
        factor=np.eye(3, dtype=int),
        after=lambda y: np.stack([y[0], y[1] ** 2 + y[0] * y[2], y[2] * (y[1] + y[0])]),
        jacobian=np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
        second=lambda u, w: np.einsum("mij,i,j->m", hessians, u, w),
        state=np.zeros(3, int),
        vector=np.array(vector),
        direction=np.array(direction),
        strength=2,
    )


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_jacobian_and_second_derivative_of_samples_are_those_of_the_function() -> None:
    step = Fraction(1, 10**7)
    for seed in range(20):
        instance = sample(np.random.default_rng(seed))
        axes = np.eye(instance.vector.size, dtype=int)
        slopes = [
            (instance.output(step * e) - instance.output(-step * e)) / (2 * step) for e in axes
        ]
        found = np.array(slopes, float).T
        np.testing.assert_allclose(found, instance.jacobian, rtol=1e-9, atol=1e-9)
        u, w = axes[0], axes[1]
        corners = [instance.output(step * x) for x in (u + w, u, w, 0 * u)]
        mixed = (corners[0] - corners[1] - corners[2] + corners[3]) / step**2
        np.testing.assert_allclose(mixed.astype(float), instance.second(u, w), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("vector", "direction", "bracket"),
    [
        ([1, 0, 0], [0, 1, 0], [0, 1, 0]),
        ([1, 0, 0], [0, 0, 1], [0, 1, 1]),
        ([0, 3, 0], [0, -6, 0], [0, 0, 0]),
        ([2, 1, -1], [0, 1, 2], [0, 7, 7]),
    ],
)
@pytest.mark.parametrize("alpha", [Fraction(1, 1000), Fraction(1), Fraction(-7, 2)])
def test_quadratics_depart_by_alpha_squared_times_the_bracket_at_every_alpha(
    vector: list[int], direction: list[int], bracket: list[float], alpha: Fraction
) -> None:
    instance = quadratic(vector, direction)
    np.testing.assert_allclose(instance.bracket, bracket)
    expected = float(alpha**2) * np.array(bracket)
    np.testing.assert_allclose(instance.departure(alpha), expected, rtol=1e-14)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_second_derivative_off_by_a_factor_is_found_out(factor: float) -> None:
    instance = quadratic([2, 1, -1], [0, 1, 2])
    assert not broken("departure", instance)
    wrong = replace(instance, second=lambda u, w: factor * instance.second(u, w))
    assert broken("departure", wrong)


def test_a_vanishing_bracket_that_is_claimed_not_to_vanish_is_found_out() -> None:
    instance = next(c for c in map(turning, range(50)) if not c.bracket.any())
    assert instance.second(instance.direction, instance.direction).any()
    assert not broken("order of departure", instance)
    wrong = replace(instance, second=lambda u, w: instance.second(u, w) + (u @ w))
    assert broken("order of departure", wrong)


def turning(seed: int) -> FactoredSteering:
    """A draw whose Jacobian misses what its linear factor sees."""
    rng = np.random.default_rng(seed)
    while True:
        instance = sample(rng)
        if (instance.factor @ instance.direction).any():
            return instance


def test_equal_at_one_strength_and_apart_at_twice_that() -> None:
    fold = next(c for c in THEOREM.counterexamples if c.assumption.startswith("injective"))
    instance = fold.build(np.random.default_rng(0))
    other = np.array([2, 1])
    for alpha, outputs in ((1, (1, 1)), (2, (1, 9)), (3, (1, 25))):
        v, w = instance.output(alpha * instance.vector), instance.output(alpha * other)
        assert (v.item(), w.item()) == outputs


def test_a_linear_factor_that_is_too_wide_or_too_narrow_is_found_out() -> None:
    """P enters the claim only through its kernel; another kernel is another claim."""
    instance = turning(3)
    for rows in (instance.factor[:-1], np.eye(instance.vector.size, dtype=int)):

        class Claimed(FactoredSteering):
            def output(self, moved: np.ndarray, truth: FactoredSteering = instance) -> np.ndarray:
                return truth.output(moved)

        fields = {f: getattr(instance, f) for f in instance.__dataclass_fields__}
        wrong = Claimed(**{**fields, "factor": rows})
        assert broken("one strength for all", wrong)
        assert broken("unit of strength", wrong)
    assert not broken("one strength for all", instance)


@pytest.mark.parametrize("c", [Fraction(3), Fraction(-1, 2)])
def test_strength_over_c_and_c_times_v_are_one_intervention(c: Fraction) -> None:
    for seed in range(10):
        instance = sample(np.random.default_rng(seed))
        vector = np.array([c * int(x) for x in instance.vector])
        for alpha in (Fraction(1), Fraction(-5, 3)):
            here = instance.output(np.array([alpha * int(x) for x in instance.vector]))
            np.testing.assert_array_equal(here, instance.output(alpha / c * vector))


@pytest.mark.parametrize("assumption", THEOREM.assumptions, ids=lambda a: a.name)
def test_predicates_accept_many_samples(assumption) -> None:
    assert all(assumption.holds(sample(np.random.default_rng([8, k]))) for k in range(20))

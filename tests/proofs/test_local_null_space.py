"""N2: closed forms of the deviation, and formulas that are off by a little are found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from identifiability import EquivalenceClass, Verdict
from proofs.checking import check
from proofs.local_null_space import THEOREM, sample
from proofs.shared.smooth_maps import SmoothMap
from proofs.shared.smooth_steering import (
    SmoothSteering,
    bowl,
    curved,
    inflection,
    linearly_factored,
)


def discrepancy(name: str, instance: SmoothSteering) -> float:
    return THEOREM.conclusion(name).discrepancy(instance)


def broken(name: str, instance: SmoothSteering) -> bool:
    return discrepancy(name, instance) > THEOREM.conclusion(name).refutation_threshold


def with_map(instance: SmoothSteering, **changes) -> SmoothSteering:
    return replace(instance, map=replace(instance.map, **changes))


def hidden(build, seed: int = 0) -> SmoothSteering:
    """The first draw that has a kernel and as many outputs as its width."""
    rng = np.random.default_rng(seed)
    while True:
        instance = build(rng)
        m, d = instance.map.jacobian(instance.point).shape
        if instance.direction.any() and m == d:
            return instance


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_the_bowl_deviates_by_exactly_half_its_curvature_times_t_squared() -> None:
    instance = bowl(np.random.default_rng(1))
    sizes = np.array([0.1, 1.0, 7.0])
    expected = instance.map.curvature_bound * sizes**2 / 2
    np.testing.assert_allclose(instance.deviation(sizes, instance.direction), expected, rtol=1e-12)


def test_a_bound_or_second_derivative_that_is_too_small_is_found_out() -> None:
    instance = bowl(np.random.default_rng(1))
    smaller = with_map(instance, curvature_bound=instance.map.curvature_bound / 2)
    assert broken("quadratic bound", smaller)
    halved = with_map(instance, second=lambda h, n: instance.map.second(h, n) / 2)
    assert broken("limit", halved)
    flat = with_map(instance, second=lambda h, n: np.zeros(1))
    assert broken("order on the kernel", flat)
    inflected = inflection(np.random.default_rng(1))
    assert broken("order on the kernel", with_map(inflected, second=instance_second(inflected)))


def instance_second(instance: SmoothSteering):
    """A second derivative that is claimed not to vanish at an inflection."""
    return lambda h, n: instance.map.value(instance.point + n)


@pytest.mark.parametrize("build", [curved, linearly_factored])
def test_a_transposed_jacobian_has_another_tangent_space(build) -> None:
    instance = hidden(build)
    jacobian = instance.map.jacobian
    transposed = with_map(instance, jacobian=lambda h: jacobian(h).T)
    assert broken("tangent space", transposed)
    assert not broken("tangent space", instance)


def test_a_jacobian_at_another_point_has_another_tangent_space() -> None:
    instance = hidden(curved)
    jacobian = instance.map.jacobian
    assert broken("tangent space", with_map(instance, jacobian=lambda h: jacobian(h + 0.5)))


def test_the_class_of_a_norm_is_a_sphere_and_at_the_origin_a_point() -> None:
    norm = SmoothMap(
        value=lambda h: (h**2).sum(axis=0)[None],
        jacobian=lambda h: 2 * h[None],
        second=lambda h, n: np.array([2 * n @ n]),
        curvature_bound=2.0,
    )
    v = np.array([1.0, 2.0, 2.0])
    sphere = SmoothSteering(norm, np.zeros(3), v, 1.0, np.array([2.0, -1.0, 0.0]) / np.sqrt(5))
    assert sphere.seen.dimension == 2
    for conclusion in THEOREM.conclusions:
        assert conclusion.discrepancy(sphere) <= conclusion.tolerance
    point = replace(sphere, state=-v)
    assert discrepancy("dimension", point) == 3  # J = 0 promises all of R^3, the class is {v}


def test_a_cube_is_injective_where_its_jacobian_vanishes() -> None:
    cube = SmoothMap(lambda h: h**3, lambda h: 3 * np.diag(h**2), lambda h, n: 6 * h * n**2, 1.0)
    instance = SmoothSteering(cube, np.zeros(1), np.zeros(1), 1.0, np.ones(1))
    assert discrepancy("dimension", instance) == 1
    constant_rank = next(a for a in THEOREM.assumptions if a.name == "constant rank")
    assert not constant_rank.holds(instance)


def test_strength_enters_the_point_and_not_the_kernel() -> None:
    instance = hidden(curved)
    other = replace(instance, strength=2 * instance.strength, vector=instance.vector / 2)
    assert other.seen.dimension == instance.seen.dimension
    assert discrepancy("tangent space", other) < 1e-3
    moved = replace(instance, strength=3 * instance.strength)
    angle = np.linalg.norm(moved.seen.spectrum.row_space.T @ instance.seen.basis)
    assert angle > 1e-2  # a curved class: its tangent turns along v


def test_a_local_kernel_is_reported_as_first_order_only() -> None:
    instance = hidden(curved)
    jacobian = instance.map.jacobian(instance.point)
    assert EquivalenceClass(jacobian, instance.vector).report.verdict is Verdict.FIRST_ORDER_ONLY


def test_samples_cover_every_clause() -> None:
    draws = [sample(np.random.default_rng([9, k])) for k in range(60)]
    bends = [np.linalg.norm(i.map.second(i.point, i.direction)) for i in draws]
    assert any(i.map.linear_factor is not None for i in draws)
    assert any(not i.direction.any() for i in draws)
    assert sum(b > 1e-3 for b in bends) > 15
    assert any(b < 1e-12 and i.map.linear_factor is None for b, i in zip(bends, draws, strict=True))

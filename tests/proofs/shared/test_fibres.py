"""Fibres found by solving: manifolds of known dimension and curvature, and points that only look
like manifolds to the Jacobian."""

from __future__ import annotations

import numpy as np
import pytest

from proofs.shared.fibres import complex_step_jacobian, fibre_dimension, fibre_displacements


def sphere(h: np.ndarray) -> np.ndarray:
    return (h**2).sum(axis=0)[None]


@pytest.mark.parametrize(
    ("observe", "vector", "dimension"),
    [
        (sphere, [1.0, 2.0, -1.0], 2),
        (sphere, [0.0, 0.0, 0.0], 0),
        (lambda h: h**3, [0.0], 0),
        (lambda h: h**3, [1.0], 0),
        (lambda h: h[:1] * h[1:2], [1.0, 1.0], 1),
        (lambda h: np.concatenate([h[:1], h[:1] ** 2]), [2.0, 1.0], 1),
        (lambda h: 0 * h[:1], [1.0, 2.0, 3.0, 4.0], 4),
        (lambda h: np.tanh(h), [0.5, -0.5], 0),
    ],
)
def test_dimension(observe, vector: list[float], dimension: int) -> None:
    found = fibre_dimension(observe, np.array(vector), np.random.default_rng(1))
    assert found == dimension


def test_members_have_the_outputs_of_v_and_lie_off_the_tangent_plane() -> None:
    v = np.array([1.0, 0.0, 0.0])
    members = fibre_displacements(sphere, v, 0.2, np.random.default_rng(2))
    assert len(members) == 6
    np.testing.assert_allclose(sphere((v + members).T), 1.0, rtol=1e-13)
    assert np.abs(members[:, 0]).max() > 1e-3  # a sphere, not its tangent plane


def test_starts_that_find_no_member_are_left_out() -> None:
    """(h(h - 2), h/10) comes near (0, 0) again at h = 2: a least-squares minimum, no member."""

    def returning(h: np.ndarray) -> np.ndarray:
        return np.concatenate([h * (h - 2), h / 10])

    members = fibre_displacements(returning, np.zeros(1), 2.5, np.random.default_rng(3))
    np.testing.assert_allclose(members, [[0.0]], atol=1e-14)


def test_the_complex_step_is_exact() -> None:
    def observe(h: np.ndarray) -> np.ndarray:
        return np.concatenate([h[:1] * h[1:], np.sin(h[:1])])

    found = complex_step_jacobian(observe, np.array([0.3, -2.0]))
    np.testing.assert_allclose(found, [[-2.0, 0.3], [np.cos(0.3), 0.0]], rtol=1e-15)

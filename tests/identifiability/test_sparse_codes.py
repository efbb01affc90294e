"""Sparse codes, their certificates and their rivals, where the answer is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.sparse_codes import (
    basis_pursuit,
    basis_pursuit_denoising,
    exact_recovery_coefficient,
    explanations,
    l1_certificate,
    matching_pursuit,
)

HALF = np.sqrt(0.5)
FAN = np.array([[1.0, 0.0, HALF], [0.0, 1.0, HALF]])  # the third halfway between the others


def test_a_certificate_of_a_code_with_every_atom_needs_independent_atoms():
    assert l1_certificate(np.eye(2), np.array([2.0, -3.0])) == (0.0, pytest.approx(np.sqrt(2)))
    assert l1_certificate(np.diag([2.0, 1.0]), np.array([1.0, 1.0])) == (
        0.0,
        pytest.approx(np.hypot(0.5, 1.0)),
    )
    assert l1_certificate(FAN, np.ones(3)) == (np.inf, np.inf)
    assert l1_certificate(FAN, np.zeros(3)) == (0.0, 0.0)


def test_a_certificate_says_how_near_another_atom_comes():
    """w = (1, 1): the third atom has <b, w> = sqrt(2), and a code of it alone is shorter."""
    level, size = l1_certificate(FAN, np.array([1.0, 1.0, 0.0]))
    assert (level, size) == (pytest.approx(np.sqrt(2)), pytest.approx(np.sqrt(2)))
    found, complaint = basis_pursuit(FAN, np.array([1.0, 1.0]))
    np.testing.assert_allclose(found, [0.0, 0.0, np.sqrt(2)], atol=1e-9)
    assert complaint == ""
    # On opposite signs w = (1, -1) is orthogonal to it.
    assert l1_certificate(FAN, np.array([1.0, -1.0, 0.0]))[0] == pytest.approx(0, abs=1e-9)


def test_signs_that_dependent_atoms_contradict_have_no_certificate():
    twice = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert l1_certificate(twice, np.array([1.0, -1.0, 0.0])) == (np.inf, np.inf)


def test_the_coefficient_of_a_support_is_the_code_of_the_nearest_atom_on_it():
    found = exact_recovery_coefficient(FAN, np.array([[0, 1], [0, 2]]))
    np.testing.assert_allclose(found, [np.sqrt(2), 1 + np.sqrt(2)])
    twice = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert exact_recovery_coefficient(twice, np.array([[0, 1]])).tolist() == [np.inf]
    assert exact_recovery_coefficient(FAN, np.array([[0, 1, 2]])).tolist() == [np.inf]


def test_explanations_are_every_support_that_explains_and_no_other():
    found = explanations(FAN, np.array([HALF, HALF]), 1, 1e-9, limit=3)
    np.testing.assert_allclose(found, [[0.0, 0.0, 1.0]], atol=1e-12)
    assert explanations(FAN, np.array([HALF, HALF]), 1, 1e-9, limit=2) is None
    assert explanations(FAN, np.array([1.0, 0.5]), 1, 1e-9, limit=3).shape == (0, 3)
    pairs = explanations(FAN, np.array([1.0, 0.5]), 2, 1e-9, limit=3)
    np.testing.assert_allclose(pairs @ FAN.T, [[1.0, 0.5]] * 3, atol=1e-12)
    assert sorted(np.flatnonzero(code).tolist() for code in pairs) == [[0, 1], [0, 2], [1, 2]]
    # A response as small as what is allowed is explained by nothing at all, too.
    assert not explanations(FAN, np.array([1e-3, 0.0]), 1, 1e-2, limit=3)[0].any()


def test_a_support_of_dependent_atoms_explains_with_a_family():
    twice = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = explanations(twice, np.array([2.0, 0.0]), 2, 1e-9, limit=3)
    np.testing.assert_allclose(found @ twice.T, [[2.0, 0.0]] * len(found), atol=1e-12)
    np.testing.assert_allclose(found[0], [1.0, 1.0, 0.0], atol=1e-12)  # the one of least norm
    assert len(found) >= 2


def test_denoising_stops_where_the_residual_is_the_error():
    found, complaint = basis_pursuit_denoising(np.eye(2), np.array([3.0, 1.0]), 0.5)
    # The path shrinks both entries by the same amount t: 2 t^2 = 0.25.
    np.testing.assert_allclose(found, np.array([3.0, 1.0]) - np.sqrt(0.125), atol=1e-9)
    assert complaint == ""
    nothing, complaint = basis_pursuit_denoising(np.eye(2), np.array([0.3, 0.4]), 0.5)
    assert (nothing.tolist(), complaint) == ([0.0, 0.0], "")


def test_matching_pursuit_takes_as_many_atoms_as_it_may():
    response = np.array([3.0, 1.0])
    one, _ = matching_pursuit(np.eye(2), response, 1)
    both, _ = matching_pursuit(np.eye(2), response, 5)
    np.testing.assert_allclose([one, both], [[3.0, 0.0], [3.0, 1.0]], atol=1e-12)

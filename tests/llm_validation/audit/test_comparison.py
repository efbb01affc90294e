"""The behavioural cosine, and what it does not depend on."""

import numpy as np
import pytest

from llm_validation.audit.comparison import compared


def _rng():
    return np.random.default_rng(0)


def test_closed_form():
    v, w = np.array([1.0, 0.0, 5.0]), np.array([1.0, 1.0, -5.0])
    found = compared("w", v, w, [np.diag([1.0, 3.0, 0.0])] * 4, _rng())
    assert found.behavioural == pytest.approx(1 / 2)
    assert found.interval == pytest.approx((0.5, 0.5))
    assert found.euclidean == pytest.approx(-24 / np.sqrt(26 * 27))


def test_a_change_of_basis_leaves_it_and_not_the_euclidean_one():
    rng = np.random.default_rng(1)
    v, w = rng.standard_normal((2, 4))
    metrics = [x @ x.T for x in rng.standard_normal((6, 4, 4))]
    basis = rng.standard_normal((4, 4)) + 2 * np.eye(4)
    back = np.linalg.inv(basis)
    one = compared("w", v, w, metrics, _rng())
    other = compared("w", basis @ v, basis @ w, [back.T @ g @ back for g in metrics], _rng())
    assert other.behavioural == pytest.approx(one.behavioural)
    assert other.interval == pytest.approx(one.interval)
    assert abs(other.euclidean - one.euclidean) > 0.01


def test_a_vector_that_is_not_seen_has_none():
    found = compared("w", np.array([1.0, 0]), np.array([0, 1.0]), [np.diag([1.0, 0])] * 3, _rng())
    assert found.behavioural is None and found.interval is None

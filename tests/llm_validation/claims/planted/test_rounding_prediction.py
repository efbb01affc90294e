"""Errors and cosines predicted from samples of rounding, against the estimator run on them."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.planted.linear_block import LinearBlock
from llm_validation.claims.planted.rounding_prediction import expected_cosines, rounding_errors

WIDTH, STRENGTH, NOISE = 8, 0.1, 0.02


def test_they_are_those_of_least_squares_with_that_noise():
    rng = np.random.default_rng(0)
    jacobian = rng.standard_normal((12, 6)) @ rng.standard_normal((6, WIDTH))  # two unseen
    vector = rng.standard_normal(WIDTH)
    samples = NOISE * rng.standard_normal((4000, 12))
    cell = {"jacobian": jacobian, "rounding": samples, "odd": np.zeros((0, 1, 12))}
    block = LinearBlock.of([cell], vector)
    noise = NOISE / np.sqrt(2) * rng.standard_normal((4000, 12))
    estimates = (STRENGTH * jacobian @ vector + noise) @ np.linalg.pinv(jacobian).T / STRENGTH
    cosines = estimates @ vector / np.linalg.norm(estimates, axis=1) / np.linalg.norm(vector)
    (expected,) = expected_cosines([block], vector, STRENGTH)
    assert expected == pytest.approx(cosines.mean(), abs=0.01)
    seen = np.linalg.pinv(jacobian) @ jacobian @ vector
    basis = np.linalg.qr(rng.standard_normal((WIDTH, 3)))[0]
    for part in (None, basis):
        errors = (estimates - seen) @ (np.eye(WIDTH) if part is None else part)
        (found,) = rounding_errors([block], vector, STRENGTH, part)
        assert found == pytest.approx((errors**2).sum(axis=1).mean() / (vector @ vector), rel=0.1)

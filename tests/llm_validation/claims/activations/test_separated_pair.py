"""The separation of a pair of columns against the variances it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.recovery import CovarianceRecovery
from llm_validation.claims.activations.dependent_pair import group_moments
from llm_validation.claims.activations.separated_pair import separation, separation_arm


def environments(rng: np.random.Generator) -> list[np.ndarray]:
    """Log variance ratios 2, 0.5 and 0: the last two are the nearest."""
    scales = np.exp(np.array([2.0, 0.5, 0.0]) / 2)
    return [rng.standard_normal((20_000, 3)), rng.standard_normal((20_000, 3)) * scales]


def test_it_is_the_difference_of_log_variance_ratios():
    rng = np.random.default_rng(0)
    pairs = [x[:, :2] + 5 for x in environments(rng)]
    rows = [group_moments(x[:, 0], x[:, 1], np.arange(len(x)) % 50) for x in pairs]
    ratios = np.log(pairs[1].var(axis=0) / pairs[0].var(axis=0))
    assert separation(*(r[None] for r in rows)) == pytest.approx(ratios[0] - ratios[1])


def test_the_nearest_pair_is_picked_with_the_larger_ratio_first():
    rng = np.random.default_rng(1)
    mixing = rng.standard_normal((3, 3))
    fitted = CovarianceRecovery().fit([x @ mixing.T for x in environments(rng)])
    arm = separation_arm("covariance_environments", 3, (), fitted, None)
    assert arm.prediction.prediction == pytest.approx(0.5, abs=0.1)
    assert arm.prediction.prediction == pytest.approx(fitted.separations_[1, 2])
    # The rows unmix the second and the third source.
    unmixed = np.abs(arm.data.unmixing @ mixing)
    np.testing.assert_allclose(
        unmixed / unmixed.max(axis=1, keepdims=True), np.eye(3)[1:], atol=0.1
    )

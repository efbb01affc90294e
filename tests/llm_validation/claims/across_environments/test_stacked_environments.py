"""Paths of epsilon-null dimensions on metrics whose spectra are known."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.across_environments.stacked_environments import (
    MEAN,
    SUMMED,
    epsilon_paths,
)


def test_a_mean_may_grow_and_a_sum_does_not():
    """Two directions are seen in the first environment, just so, and none in the others."""
    first = np.diag([0.03, 0.03, 0.0])
    metrics = np.array([[first, np.zeros((3, 3)), np.zeros((3, 3))]])
    paths = epsilon_paths(metrics, radius=1.0, epsilon=0.01)  # the cut is 0.02
    np.testing.assert_array_equal(paths[SUMMED], [[1, 1, 1]])
    np.testing.assert_array_equal(paths[MEAN], [[1, 3, 3]])


def test_the_sum_is_the_metric_of_the_stacked_rows():
    rng = np.random.default_rng(0)
    jacobians = rng.standard_normal((3, 2, 6)) * 0.1
    metrics = np.einsum("eij,eik->ejk", jacobians, jacobians)[None]
    radius, epsilon = 0.7, 0.002
    path = epsilon_paths(metrics, radius, epsilon)[SUMMED][0]
    for e in (1, 2, 3):
        singular = np.linalg.svd(jacobians[:e].reshape(-1, 6), compute_uv=False)
        assert path[e - 1] == 6 - np.sum(0.5 * singular**2 * radius**2 > epsilon)
    assert path[0] == 4 > path[2]

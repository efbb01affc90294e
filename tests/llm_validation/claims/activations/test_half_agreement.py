"""Agreement of halves: projection, matching, and errors against repeated draws."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.activations.half_agreement import (
    BLOCKS,
    WhiteProjection,
    agreement,
    jackknife_errors,
    summary,
)


def principal_axes(environments, number):
    return np.linalg.eigh(np.cov(environments[0].T))[1]


def half(rng: np.random.Generator, groups: int = 100, each: int = 4):
    """Tokens of a group share half of their variance."""
    shared = rng.standard_normal((groups, 1, 3)) + rng.standard_normal((groups, each, 3))
    states = shared.reshape(-1, 3) * [3.0, 2.0, 1.0]
    return [(states, np.repeat(np.arange(groups), each))]


def test_the_projection_is_white_within_environments_and_on_the_leading_components():
    rng = np.random.default_rng(0)
    scales = np.array([5.0, 4.0, 3.0, 0.1])
    environments = [rng.standard_normal((3000, 4)) * scales * s + s for s in (1.0, 2.0)]
    projection = WhiteProjection.of(environments, 3)
    covariances = [np.cov(projection(states).T) for states in environments]
    np.testing.assert_allclose(np.mean(covariances, axis=0), np.eye(3), atol=1e-10)
    # The last direction is dropped, and the environments' means are no variance.
    assert np.abs(projection.matrix[:, 3]).max() < 0.05
    assert np.abs(projection.matrix).max() == pytest.approx(1 / (3 * np.sqrt(2.5)), rel=0.1)


def test_columns_are_matched_whatever_their_order_and_sign():
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    found = [basis, -2 * basis[:, [2, 0, 1]]]
    states = [(np.zeros((1, 3)), np.zeros(1))]
    parts = agreement(lambda environments, number: found[number], states, states)
    np.testing.assert_allclose(parts, 1)
    found[1] = np.column_stack([basis[:, 0], basis[:, 1] + basis[:, 2], basis[:, 2]])
    parts = agreement(lambda environments, number: found[number], states, states)
    np.testing.assert_allclose(sorted(parts), [0.5**0.5, 1, 1])
    np.testing.assert_allclose(summary(parts), [(2 + 0.5**0.5) / 3, 0.5**0.5])


def test_errors_are_of_the_size_of_the_spread_between_data_sets():
    rng = np.random.default_rng(2)
    draws = np.array([summary(agreement(principal_axes, half(rng), half(rng))) for _ in range(200)])
    errors = np.array(
        [jackknife_errors(principal_axes, half(rng), half(rng), rng) for _ in range(20)]
    )
    ratio = np.sqrt((errors**2).mean(axis=0)) / draws.std(axis=0)
    # A jackknife errs to the wide side where a statistic is bent, as next to its maximum of 1.
    assert (ratio > 0.7).all() and (ratio < 2).all()


def test_a_block_holds_whole_groups():
    labels = np.repeat(np.arange(100), 4)
    named = [(np.column_stack([labels, labels, labels]).astype(float), labels)]
    sizes = []

    def columns(environments, number):
        (states,) = environments
        sizes.append(np.unique(states[:, 0], return_counts=True)[1])
        return np.eye(3)

    jackknife_errors(columns, named, named, np.random.default_rng(3))
    assert len(sizes) == 2 * BLOCKS
    for size in sizes:  # ten of a hundred groups of four are left out
        np.testing.assert_array_equal(size, np.full(90, 4))

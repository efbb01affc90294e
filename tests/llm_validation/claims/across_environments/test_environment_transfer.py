"""Cosines free of noise against planted ones, and against explicit split halves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from llm_validation.claims.across_environments.environment_transfer import (
    noiseless_cosines,
    raw_cosines,
)

TRUTH = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def noisy(rng: np.random.Generator, count: int = 8, width: int = 60) -> list[np.ndarray]:
    """(n, 1, d) with noise three times as long as the vector, half as long in the mean's square."""
    vectors = np.pad(TRUTH, ((0, 0), (0, width - 3)))
    noise = 2 * rng.standard_normal((3, count, width)) / np.sqrt(width)
    return list((vectors[:, None] + noise)[:, :, None])


def test_on_average_they_are_those_of_the_vectors_and_raw_ones_are_below():
    rng = np.random.default_rng(0)
    draws = [noisy(rng) for _ in range(300)]
    clean = np.mean([noiseless_cosines(some) for some in draws], axis=0)
    raw = np.mean([raw_cosines(some) for some in draws], axis=0)
    # Ordered pairs (0,1) (0,2) (1,0) (1,2) (2,0) (2,1); ratios are biased by a few per cent.
    expected = np.array([0.6, 0.0, 0.6, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(clean, expected, atol=0.04)
    # Noise has 4/8 of the vector's square: the ceiling is 1/1.5.
    np.testing.assert_allclose(raw, expected / 1.5, atol=0.04)


def test_the_reliability_is_the_mean_over_all_split_halves():
    moved = noisy(np.random.default_rng(1))
    clean, raw = noiseless_cosines(moved), raw_cosines(moved)
    squares = []
    for sample in moved[:2]:
        rows, products = sample[:, 0], []
        for half in combinations(range(len(rows)), len(rows) // 2):
            rest = np.setdiff1d(range(len(rows)), half)
            products.append(rows[list(half)].mean(axis=0) @ rows[rest].mean(axis=0))
        squares.append(np.mean(products) / np.sum(rows.mean(axis=0) ** 2))
    assert raw[0] / clean[0] == pytest.approx(np.sqrt(np.prod(squares)))


def test_the_coordinates_are_those_of_the_environment_applied_in():
    """The second environment sees the first axis only, along which both vectors lie."""
    rng = np.random.default_rng(2)
    first = np.array([1.0, 1.0]) + 1e-6 * rng.standard_normal((5, 2))
    second = np.array([1.0, -1.0]) + 1e-6 * rng.standard_normal((5, 2))
    roots = np.array([np.eye(2), np.diag([1.0, 0.0])])
    moved = [np.einsum("ni,tij->ntj", sample, roots) for sample in (first, second)]
    to_second, to_first = noiseless_cosines(moved)
    assert to_second == pytest.approx(1)
    assert to_first == pytest.approx(0, abs=1e-5)


def test_a_length_below_noise_has_no_cosine():
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5]])[:, None]
    assert np.isinf(noiseless_cosines([rows, rows])).all()

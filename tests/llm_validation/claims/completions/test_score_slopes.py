"""First-order efficacies against the closed forms of N8."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.completions.score_slopes import ScoreSlopes
from llm_validation.claims.displacement.directions import random_orthogonal

WIDTH = 50


@pytest.fixture
def slopes() -> ScoreSlopes:
    rng = np.random.default_rng(0)
    mean = rng.standard_normal(WIDTH)
    return ScoreSlopes(mean + 0.1 * rng.standard_normal((12, WIDTH)), rng.standard_normal(WIDTH))


def test_the_typical_efficacy_is_the_rms_over_random_orthogonal_vectors(slopes):
    rng = np.random.default_rng(1)
    norm = np.linalg.norm(slopes.vector)
    drawn = slopes.efficacies(norm * random_orthogonal(slopes.vector, 40_000, rng))
    found = slopes.typical_interval(rng)
    # The relative error of an RMS of n normal draws is 1/√(2n), here 0.35 %.
    assert found.estimate == pytest.approx(np.sqrt(np.mean(drawn**2)), rel=0.02)
    assert abs(drawn.mean()) < 4 * found.estimate / 200
    mean = slopes.gradients.mean(axis=0)
    cosine = mean @ slopes.vector / np.linalg.norm(mean) / norm
    assert found.estimate == pytest.approx(np.tan(np.arccos(abs(cosine))) / (WIDTH - 1) ** 0.5)
    assert found.low < found.estimate < found.high


def test_coordinates_keep_every_product_and_begin_with_v(slopes):
    found = slopes.coordinates
    assert found.shape == (12, 13)
    np.testing.assert_allclose(found @ found.T, slopes.gradients @ slopes.gradients.T)
    along = slopes.gradients @ slopes.vector / np.linalg.norm(slopes.vector)
    np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(along))


def test_efficacies_are_linear_and_one_for_v(slopes):
    other = np.random.default_rng(2).standard_normal(WIDTH)
    rows = np.stack([slopes.vector, -2 * slopes.vector, other, slopes.vector + other])
    found = slopes.efficacies(rows)
    np.testing.assert_allclose(found[:2], [1, -2])
    assert found[3] == pytest.approx(1 + found[2])
    mean = slopes.efficacy(rows, np.random.default_rng(3))
    assert mean.estimate == pytest.approx(found.mean())

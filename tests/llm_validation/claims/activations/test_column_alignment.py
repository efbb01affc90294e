"""Nearest columns and shares of a vector, in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.activations.column_alignment import kept, nearest
from llm_validation.claims.activations.half_agreement import WhiteProjection


def test_the_nearest_column_counts_with_either_sign():
    columns = np.eye(3)
    directions = np.array([[0.0, -2.0, 0.0], [3.0, 4.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(nearest(directions, columns), [1.0, 0.8, 3**-0.5])


def test_random_directions_in_the_plane_are_a_known_law():
    """Uniform angle to the nearer of two axes: mean cosine 2 sqrt(2)/pi."""
    drawn = np.random.default_rng(0).standard_normal((100_000, 2))
    assert nearest(drawn, np.eye(2)).mean() == pytest.approx(2 * np.sqrt(2) / np.pi, abs=1e-3)


def test_what_is_kept_does_not_depend_on_the_whitening():
    states = np.random.default_rng(1).standard_normal((500, 3)) * [100.0, 10.0, 0.1]
    projection = WhiteProjection.of([states], 2)
    assert kept(projection, np.array([0.0, 3.0, 4.0])) == pytest.approx(0.36, abs=1e-3)

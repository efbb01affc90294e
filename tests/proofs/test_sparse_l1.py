"""R2b: coherence of known frames, the Welch bound, and basis pursuit against the null space."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from proofs.sparse_l1 import (
    SparseSensing,
    _missed,
    _order,
    coherence,
    simplex_frame,
)

GOLDEN = (1 + np.sqrt(5)) / 2
ICOSAHEDRON = np.array(
    [[0, 0, 1, 1, GOLDEN, -GOLDEN], [1, -1, GOLDEN, -GOLDEN, 0, 0], [GOLDEN, GOLDEN, 0, 0, 1, 1]]
) / np.sqrt(1 + GOLDEN**2)


def spikes_and_hadamard(size):
    return np.hstack([np.eye(size), hadamard(size) / np.sqrt(size)])


def welch(rows, columns):
    """Least coherence of that many unit vectors (Welch 1974)."""
    return np.sqrt((columns - rows) / (rows * (columns - 1)))


@pytest.mark.parametrize(
    ("frame", "known"),
    [
        (simplex_frame(2), 1 / 2),
        (simplex_frame(5), 1 / 5),
        (ICOSAHEDRON, 1 / np.sqrt(5)),
        (spikes_and_hadamard(4), 1 / 2),
        (spikes_and_hadamard(16), 1 / 4),
    ],
    ids=["simplex 2", "simplex 5", "icosahedron", "spikes 4", "spikes 16"],
)
def test_coherence_of_known_frames(frame, known):
    assert coherence(frame) == pytest.approx(known, abs=1e-12)
    assert coherence(frame * np.arange(1, frame.shape[1] + 1)) == pytest.approx(known, abs=1e-12)


def test_no_frame_is_below_the_welch_bound_and_equiangular_ones_reach_it():
    rng = np.random.default_rng(0)
    for rows, columns in [(2, 3), (3, 6), (5, 9)] * 20:
        assert coherence(rng.standard_normal((rows, columns))) >= welch(rows, columns)
    assert coherence(ICOSAHEDRON) == pytest.approx(welch(3, 6), abs=1e-12)
    assert coherence(simplex_frame(4)) == pytest.approx(welch(4, 5), abs=1e-12)


@pytest.mark.parametrize("dimension", [2, 3, 4, 5])
def test_a_simplex_loses_codes_of_half_its_corners_exactly(dimension):
    """Its kernel is (1, ..., 1): k entries have the share k/(M + 1), and 1/2 is too much."""
    frame = simplex_frame(dimension)
    sensing = SparseSensing(np.eye(dimension), frame, 1)
    assert np.allclose(sensing.shares, np.arange(1, dimension + 2) / (dimension + 1))
    order = dimension // 2  # the largest k below (M + 1)/2
    assert _order(sensing) == order
    assert _missed(frame, order) < 1e-6
    assert _missed(frame, order + 1) > 0.1


def test_linear_programs_and_null_space_agree_on_a_frame_that_is_not_generic():
    frame = spikes_and_hadamard(4)
    order = _order(SparseSensing(np.eye(4), frame, 1))
    assert order == 1  # spark 4: two pairs of columns have a common sum
    assert _missed(frame, 1) < 1e-6 < 0.1 < _missed(frame, 2)

"""Blocks of prompts: the estimator on reduced equations is the estimator on all rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import lstsq

from llm_validation.claims.planted.linear_block import (
    NOISE_BOUND,
    RELATIVE_CUT,
    LinearBlock,
    in_words,
)

WIDTH, ROWS, SAMPLES = 12, 40, 30


def cells(*, smallest=1e-2, noise=0.0):
    """Prompts whose Jacobians fall to ``smallest``; half of the response to v, and noise."""
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(WIDTH)
    found = []
    for _ in range(2):
        jacobian = rng.standard_normal((ROWS, WIDTH)) * np.geomspace(1, smallest, WIDTH)
        samples = noise * rng.standard_normal((SAMPLES, ROWS))
        half = noise / np.sqrt(2) * rng.standard_normal(ROWS)
        odd = (0.5 * jacobian @ vector + half)[None, None]
        found.append({"jacobian": jacobian, "odd": odd, "rounding": samples})
    return found, vector


@pytest.mark.parametrize("smallest", [1e-2, 1e-5])
def test_blocks_solve_as_truncated_least_squares_on_all_rows(smallest):
    found, vector = cells(smallest=smallest, noise=1e-6)
    block = LinearBlock.of(found, vector)
    stack = np.vstack([one["jacobian"] for one in found])
    response = np.concatenate([one["odd"][0, 0] for one in found])
    expected, _, rank, _ = lstsq(stack, response, cond=RELATIVE_CUT, lapack_driver="gelsd")
    np.testing.assert_allclose(block.recovered(0, 0), expected, rtol=1e-7, atol=1e-9)
    assert block.estimator.kernel_.shape[1] == WIDTH - rank
    assert (rank < WIDTH) == (smallest == 1e-5)
    samples = np.hstack([one["rounding"] for one in found])
    inverse = np.linalg.pinv(stack, rcond=RELATIVE_CUT)
    np.testing.assert_allclose(block.rounding(2.0), samples @ inverse.T / 8**0.5, atol=1e-9)
    np.testing.assert_allclose(block.seen(vector), inverse @ stack @ vector, atol=1e-9)
    # One row for each column of the Jacobian and each response beside it, however many were given.
    assert block.noise.shape == (SAMPLES, WIDTH + SAMPLES + 2) and len(stack) == 80


def test_words_are_those_of_the_conditions():
    found, vector = cells()
    assert in_words([LinearBlock.of(found, vector)]) == "all of v"
    given_up, _ = cells(smallest=1e-5)
    few = [LinearBlock.of(given_up, vector), LinearBlock.of(given_up[:1], vector)]
    said = in_words(few)
    assert said.startswith("all but ") and said.endswith(" of 12 dimensions")


def test_a_response_beyond_its_rounding_is_said_to_be_inconsistent():
    """Forty rows a prompt and twelve unknowns: what is off the columns shows."""
    found, vector = cells(noise=1e-4)
    assert in_words([LinearBlock.of(found, vector)]) == "all of v"
    for one in found:
        one["rounding"] = one["rounding"] / (4 * NOISE_BOUND)
    said = in_words([LinearBlock.of(found, vector)])
    assert said == "all of v, undecided: no consistent response in 1 of 1 blocks"


def test_where_nothing_is_measured_the_exact_response_of_the_vector_is_fitted():
    found, vector = cells(noise=1e-4)
    for one in found:
        one["odd"] = np.zeros((0, 1, ROWS))
    block = LinearBlock.of(found, vector)
    np.testing.assert_allclose(block.estimator.vector_, vector, rtol=1e-8)
    assert block.estimator.prediction_.recovers is True

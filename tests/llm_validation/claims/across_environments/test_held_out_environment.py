"""What is left of an environment held out, against planted invariant and varying parts."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.across_environments.held_out_environment import (
    conditions,
    in_their_span,
    remainders,
)

WIDTH = 30


def samples(
    shifts: np.ndarray, noise: float, rng: np.random.Generator, count: int = 6
) -> list[np.ndarray]:
    common = np.zeros(WIDTH)
    common[-1] = 1.0
    return [
        common + shift + noise * rng.standard_normal((count, WIDTH)) / np.sqrt(WIDTH)
        for shift in shifts
    ]


def test_without_noise_nothing_is_left_in_the_span_and_all_outside_it():
    rng = np.random.default_rng(0)
    plane = np.zeros((4, WIDTH))
    plane[:, :2] = rng.standard_normal((4, 2))
    # Rows of one environment are equal here, so that there is no noise to take away.
    remains, apart = remainders(samples(plane, 0.0, rng)).T
    np.testing.assert_allclose(remains, 0, atol=1e-20)
    expected = [
        np.sum((plane[e] - np.delete(plane, e, axis=0).mean(axis=0)) ** 2) for e in range(4)
    ]
    np.testing.assert_allclose(apart, expected)
    own = np.eye(4, WIDTH)  # each environment has a direction that no other shows
    remains, apart = remainders(samples(own, 0.0, rng)).T
    # Of e_4 - (e_1 + e_2 + e_3)/3 nothing lies along differences of e_1, e_2, e_3.
    np.testing.assert_allclose(remains, 4 / 3)
    np.testing.assert_allclose(apart, 4 / 3)


def test_noise_alone_is_no_distance_on_average():
    rng = np.random.default_rng(1)
    draws = np.array(
        [remainders(samples(np.zeros((4, WIDTH)), 1.0, rng)).mean(axis=0) for _ in range(50)]
    )
    spread = draws.std(axis=0) / 50**0.5
    raw = (1 + 1 / 3) / 6  # squared distance that noise adds
    assert (np.abs(draws.mean(axis=0)) < 4 * spread).all()
    assert (spread < 0.1 * raw).all()


def test_coordinates_of_the_span_change_no_product():
    rng = np.random.default_rng(2)
    given = samples(np.eye(4, WIDTH), 1.0, rng, count=3)
    moved = in_their_span(given)
    assert moved[0].shape == (3, 13)
    before, after = np.concatenate(given), np.concatenate(moved)
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-12)
    np.testing.assert_allclose(remainders(moved), remainders(given), atol=1e-12)


ONE_DIRECTION = 3 * np.outer([-1.0, 0.5, 1.0, 2.0], np.eye(1, WIDTH)[0])


@pytest.mark.parametrize(
    ("shifts", "recovers"), [(ONE_DIRECTION, True), (3 * np.eye(4, WIDTH), None)]
)
def test_conditions_know_whether_all_that_varies_was_shown(shifts, recovers):
    """One direction in four environments is known; four of their own may have a fifth."""
    found = conditions(samples(shifts, 0.02, np.random.default_rng(3)))
    assert found.recovers is recovers
    assert found.failure_mode == (None if recovers else "undecided: spanning environments")

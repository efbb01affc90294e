"""Rows of claim 11: cosines, sizes of errors and their slope, on numbers whose verdict is known."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome, Prediction
from llm_validation.claims.planted.recovered_vector import (
    RECOVERED,
    ROUNDING_SHARE,
    SLOPE,
    SLOPE_MARGIN,
    WHOLE,
    judged_cosine,
    judged_size,
    judged_slope,
)

BLOCKS = 12


def spread(centre, width, seed=0):
    return centre + width * np.random.default_rng(seed).uniform(-1, 1, BLOCKS)


def predicted(value, unit=WHOLE):
    return Prediction("c", "R6", 1, "t", "a", 0.1, value, None, 0.0, unit)


@pytest.mark.parametrize(
    ("stated", "found", "outcome"),
    [
        (RECOVERED, 0.97, Outcome.CONFIRMED),
        (RECOVERED, 0.9, Outcome.REFUTED),
        (0.6, 0.65, Outcome.CONFIRMED),
        (0.6, 0.97, Outcome.REFUTED),  # better than foreseen is not as foreseen
        (0.6, 0.7, Outcome.INCONCLUSIVE),
    ],
)
def test_all_of_v_comes_back_as_far_as_foreseen(stated, found, outcome):
    value, judgement = judged_cosine(
        predicted(stated), spread(found, 0.01), np.random.default_rng(1)
    )
    assert judgement.outcome is outcome
    assert value.estimate == pytest.approx(found, abs=0.01)


def test_cosines_where_curvature_matters_are_reported_and_not_judged():
    rng = np.random.default_rng(1)
    _, judgement = judged_cosine(predicted(None, "cosine"), spread(0.99, 0.001), rng)
    assert judgement.outcome is None


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(1.0, Outcome.CONFIRMED), (4.0, Outcome.REFUTED), (0.2, Outcome.REFUTED)],
)
def test_squared_errors_are_within_a_factor_of_two(factor, outcome):
    errors = np.exp(spread(-7, 0.3))
    stated = np.exp(spread(-7, 0.3, seed=3))
    value, judgement = judged_size(stated, factor * errors, np.random.default_rng(1))
    assert judgement.outcome is outcome
    assert value.estimate == pytest.approx(factor * errors.mean())


@pytest.mark.parametrize(
    ("power", "outcome"),
    [(1, Outcome.REFUTED), (2, Outcome.CONFIRMED), (3, Outcome.REFUTED)],
)
def test_the_slope_is_that_of_the_error_and_not_of_its_square(power, outcome):
    strengths = (0.125, 0.25)
    errors = np.exp(spread(0, 0.5))[:, None] * np.array(strengths) ** power
    rng = np.random.default_rng(1)
    value, judgement = judged_slope(strengths, errors**2, np.zeros(BLOCKS), rng)
    assert judgement.outcome is outcome
    assert value.estimate == pytest.approx(power)


@pytest.mark.parametrize(
    ("share", "outcome"), [(0.09, Outcome.CONFIRMED), (0.12, Outcome.INCONCLUSIVE)]
)
def test_a_slope_is_judged_where_rounding_is_at_most_a_tenth_of_the_error(share, outcome):
    squares = np.exp(spread(0, 0.5))[:, None] * np.array([1.0, 16.0])
    _, judgement = judged_slope(
        (0.125, 0.25), squares, share * squares[:, 0], np.random.default_rng(1)
    )
    assert judgement.outcome is outcome
    assert ("rounding is 12.0%" in judgement.reason) == (outcome is Outcome.INCONCLUSIVE)


def test_one_curved_block_does_not_hide_the_rounding_of_the_others():
    rounding = np.full(6, 1e-6)
    squares = np.array([[1e-6, 2.5e-7]] * 5 + [[1e-4, 1.6e-3]])
    value, judgement = judged_slope((0.125, 0.25), squares, rounding, np.random.default_rng(1))
    assert value.estimate == pytest.approx(-0.5)
    assert judgement.outcome is Outcome.INCONCLUSIVE


def test_rounding_that_was_let_through_moves_the_slope_by_less_than_its_margin():
    error, rounding = np.array([1.0, 16.0]), ROUNDING_SHARE * np.array([1.0, 0.25])
    clean = (1 - ROUNDING_SHARE) * error
    moved = abs(np.log2((clean + rounding)[1] / (clean + rounding)[0]) / 2 - SLOPE)
    assert 0.05 < moved < SLOPE_MARGIN / 5

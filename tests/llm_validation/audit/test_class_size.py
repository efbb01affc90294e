"""The interval of the class dimension holds what it says, against a population that is known."""

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.class_size import ClassSize, mean_of, null_dimension
from tests.llm_validation.audit import populations

EPSILON, RADIUS = 0.02, 1.0


@pytest.mark.parametrize("tail", [0.3, 1.0])
def test_another_sample_lands_inside_19_times_in_20(tail):
    """150 pairs of samples; below 0.9 has probability 0.005 if the truth is 0.95."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(150):
        size = ClassSize.of(populations.draw(12, rng, tail), EPSILON, RADIUS, rng)
        other = null_dimension(mean_of(populations.draw(12, rng, tail)), EPSILON, RADIUS)
        inside.append(size.low <= other <= size.high)
    assert np.mean(inside) >= 0.9


def test_the_interval_is_no_wider_than_it_has_to_be():
    """Two samples of 12 differ by sqrt(2) s; an interval of 4 times that would say nothing."""
    rng = np.random.default_rng(1)
    sizes = [ClassSize.of(populations.draw(12, rng), EPSILON, RADIUS, rng) for _ in range(60)]
    counts = np.array([size.dimension for size in sizes])
    widths = np.array([size.high - size.low for size in sizes])
    assert widths.mean() <= 2 * 4 * np.sqrt(2) * counts.std()


def test_endless_prompts_are_extrapolated_to_the_population():
    """The count of few prompts is too high, the extrapolated one on average is not by half."""
    rng = np.random.default_rng(2)
    truth = null_dimension(populations.mean(), EPSILON, RADIUS)
    sizes = [ClassSize.of(populations.draw(8, rng), EPSILON, RADIUS, rng) for _ in range(80)]
    bias = np.mean([size.dimension for size in sizes]) - truth
    left = np.mean([size.endless[0] for size in sizes]) - truth
    assert bias > 1
    assert abs(left) < bias / 2
    covered = [size.endless[1] - 0.5 <= truth <= size.endless[2] + 0.5 for size in sizes]
    assert np.mean(covered) >= 0.88  # 0.95 less two standard errors of 80, and a grid of integers


def test_more_prompts_lie_between_these_and_endless_ones():
    rng = np.random.default_rng(3)
    size = ClassSize.of(populations.draw(8, rng), EPSILON, RADIUS, rng)
    assert size.with_prompts(8)[0] == size.dimension
    assert size.endless[0] <= size.with_prompts(16)[0] <= size.dimension


def test_a_count_that_does_not_depend_on_the_prompts_has_no_width():
    metrics = [np.diag([4.0, 1.0, 1e-9, 0.0])] * 6
    size = ClassSize.of(metrics, 0.01, 1.0, np.random.default_rng(0))
    assert (size.dimension, size.low, size.high) == (2, 2, 2)
    assert size.endless == (2, 2, 2)


def test_fewer_than_four_prompts_are_refused():
    with pytest.raises(InvalidInput, match="at least 4 of them"):
        ClassSize.of([np.eye(2)] * 3, 0.01, 1.0, np.random.default_rng(0))

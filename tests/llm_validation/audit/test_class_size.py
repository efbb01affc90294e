"""The interval of the class dimension holds what it says, against a population that is known."""

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.class_size import ClassSize, null_dimension
from llm_validation.prompt_fisher import mean_of
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


def test_endless_prompts_leave_no_more_than_is_said():
    """The count of few prompts is too high; 97.5 % of 80 less two standard errors is 0.94."""
    rng = np.random.default_rng(2)
    truth = null_dimension(populations.mean(), EPSILON, RADIUS)
    sizes = [ClassSize.of(populations.draw(8, rng), EPSILON, RADIUS, rng) for _ in range(80)]
    assert np.mean([size.dimension for size in sizes]) - truth > 1
    assert np.mean([truth <= size.endless + 0.5 for size in sizes]) >= 0.94
    # Nor is "no more than everything" said: it is nearer to the truth than the spread of counts.
    spread = np.std([size.dimension for size in sizes])
    assert np.mean([size.endless for size in sizes]) - truth < 4 * spread


def test_the_count_of_twice_as_many_is_where_it_is_said_to_be():
    rng = np.random.default_rng(3)
    counts = [
        null_dimension(mean_of(populations.draw(16, rng)), EPSILON, RADIUS) for _ in range(200)
    ]
    sizes = [ClassSize.of(populations.draw(8, rng), EPSILON, RADIUS, rng) for _ in range(80)]
    inside = [size.doubled[1] <= np.mean(counts) <= size.doubled[2] for size in sizes]
    assert np.mean(inside) >= 0.9
    values = np.mean([size.doubled[0] for size in sizes])
    assert abs(values - np.mean(counts)) < abs(np.mean([s.dimension for s in sizes]) - values)


def test_a_count_that_does_not_depend_on_the_prompts_has_no_width():
    metrics = [np.diag([4.0, 1.0, 1e-9, 0.0])] * 6
    size = ClassSize.of(metrics, 0.01, 1.0, np.random.default_rng(0))
    assert (size.dimension, size.low, size.high) == (2, 2, 2)
    assert size.endless == 2 and size.doubled == (2, 2, 2)


def test_fewer_than_four_prompts_are_refused():
    with pytest.raises(InvalidInput, match="at least 4 of them"):
        ClassSize.of([np.eye(2)] * 3, 0.01, 1.0, np.random.default_rng(0))

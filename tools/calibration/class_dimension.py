"""How often the audit's interval of a class dimension holds the count of another sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from identifiability.statistics.calibration import percent
from identifiability.statistics.simulation import Rate
from llm_validation.audit.class_size import ClassSize, mean_of, null_dimension

WIDTH, RANK = 40, 10
EPSILON, RADIUS = 1e-3, 1.0
PROMPTS = (4, 8, 16, 32)
"""In the half that chooses: the fewest allowed, and as many as by default."""


@dataclass(frozen=True)
class Population:
    """Prompts whose metrics fall off by a power law, and differ in two ways.

    Attributes
    ----------
    shared
        Share of what a prompt shows that every prompt shows.
    tail
        Of the log-normal factor by which prompts differ in how much they show.
    """

    name: str
    shared: float
    tail: float

    def draw(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Metrics (d, d), of which each prompt's own part is of rank 10 of 40."""
        scale = np.arange(1.0, WIDTH + 1) ** -2
        found = []
        for _ in range(count):
            rows = rng.standard_normal((RANK, WIDTH)) * np.sqrt(scale)
            own = rows.T @ rows / RANK
            size = np.exp(self.tail * rng.standard_normal() - self.tail**2 / 2)
            found.append(size * (self.shared * np.diag(scale) + (1 - self.shared) * own))
        return found

    def mean(self) -> np.ndarray:
        """Of the population, in closed form."""
        return np.diag(np.arange(1.0, WIDTH + 1) ** -2)


POPULATIONS = (
    Population("prompts alike", 0.5, 0.3),
    Population("each its own", 0.0, 0.3),
    Population("each its own, heavy-tailed", 0.0, 1.0),
)


@dataclass(frozen=True)
class Missed:
    """Of intervals drawn from samples of a population, with the mean length in dimensions."""

    another: Rate  # another sample of as many prompts lies outside
    endless: Rate  # the population lies above the most that endless prompts are said to leave
    length: float


def missed(population: Population, prompts: int, trials: int, rng: np.random.Generator) -> Missed:
    """How often both intervals miss."""
    truth = null_dimension(population.mean(), EPSILON, RADIUS)
    another = endless = length = 0
    for _ in range(trials):
        size = ClassSize.of(population.draw(prompts, rng), EPSILON, RADIUS, rng)
        other = null_dimension(mean_of(population.draw(prompts, rng)), EPSILON, RADIUS)
        another += not size.low <= other <= size.high
        # A count is a whole number, the extrapolated end is not.
        assert size.endless is not None  # every number is observed
        endless += truth > size.endless + 0.5
        length += size.high - size.low
    return Missed(Rate(another, trials), Rate(endless, trials), length / trials)


def section(trials: int, rng: np.random.Generator) -> Iterator[str]:
    """Lines of Markdown."""
    yield "## Interval of a class dimension, nominal 95 %"
    yield ""
    yield (
        f"{trials} trials a cell, of metrics of width {WIDTH} with a spectrum falling as 1/i². "
        "*Another*: the count of another sample of as many prompts lies outside the interval. "
        "*Endless*: the population's count lies above the most that endless prompts are said to "
        "leave. Nominally they miss by 5 % and 2.5 %."
    )
    yield ""
    yield "| prompts | n | another | endless | mean length |"
    yield "|---|---|---|---|---|"
    for population in POPULATIONS:
        for prompts in PROMPTS:
            found = missed(population, prompts, trials, rng)
            rates = f"{percent(found.another)} | {percent(found.endless)}"
            yield f"| {population.name} | {prompts} | {rates} | {found.length:.1f} |"
    yield ""

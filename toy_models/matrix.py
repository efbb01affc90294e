"""The validation matrix: methods x models x condition on and off, prediction against observation.

A ``Row`` says what theory predicts before anything is drawn, and how to measure one instance; the
matrix runs every row on several instances. A cell agrees when outcome *and* failure mode are those
predicted, so rows whose condition is off test the theory as hard as those where it holds.

A method's rows live in ``toy_models/cells/METHOD.py`` as the tuple ``ROWS``; adding a method is
adding such a file and its name to ``METHODS``. Phase diagrams live in
``toy_models/diagrams/NAME.py`` as ``DIAGRAM``, their names in ``DIAGRAMS``.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

import numpy as np

from identifiability.choose import unknown
from identifiability.parallel import ordered_map
from identifiability.progress import Advance, silent
from toy_models.diagram import Diagram, Found, Point, as_json

METHODS = (
    "least_squares",
    "ica",
    "sparse",
    "environment",
    "covariance",
    "invariant",
    "cross_layer",
)
DIAGRAMS = (
    "epsilon_null_dimension",
    "ica_source_shape",
    "sparse_l1",
    "environments_needed",
    "two_environments",
    "layers_needed",
)
DEFAULT_SEEDS, FULL_SEEDS = 3, 25


@dataclass(frozen=True)
class Outcome:
    """Whether the planted truth comes back, and if not, in which way it does not."""

    recovers: bool
    failure_mode: str | None = None

    def __post_init__(self) -> None:
        if self.recovers == (self.failure_mode is not None):
            raise ValueError("an outcome has a failure mode exactly when it does not recover")

    @property
    def word(self) -> str:
        """As interfaces.md has it."""
        return "recovers" if self.recovers else "fails"


@dataclass(frozen=True)
class Measurement:
    """What one instance showed.

    Parameters
    ----------
    outcome
        Read off the estimates against the planted truth.
    score, score_min, interval
        Mean and worst score over the vectors planted in the instance, and a 95 % interval of the
        mean.
    chance
        The score that ignorance expects, on the same scale.
    n, d
        Number of observed equations (or samples), width.
    """

    outcome: Outcome
    score: float
    score_min: float
    interval: tuple[float, float]
    chance: float
    n: int
    d: int


@dataclass(frozen=True)
class Row:
    """One line of the matrix.

    Parameters
    ----------
    method, model
        Names; ``model`` spells out the dials, so that it can be built again, and after a semicolon
        how the method is run on it where that is not by default.
    condition
        What the method needs, in words.
    predicted
        From theory and the dials alone.
    measure
        Seed to measurement; a module-level function or a partial of one, since it is sent to
        worker processes.
    """

    method: str
    model: str
    condition: str
    predicted: Outcome
    measure: Callable[[int], Measurement]

    @property
    def holds(self) -> bool:
        """Whether the model satisfies the condition: a row recovers if and only if it does."""
        return self.predicted.recovers

    @property
    def key(self) -> str:
        """Distinguishes the row from all others."""
        return f"{self.method}|{self.model}|{self.condition}|{self.holds}"


def row(
    method: str,
    model: Any,
    condition: str,
    failure: str | None,
    measure: Callable[[int], Measurement],
    remark: str = "",
) -> Row:
    """A row that recovers, or fails in the way that ``failure`` says.

    ``model`` is a dataclass of dials; ``remark`` says how the method is run where that is not by
    default. ``measure`` takes the seed.
    """
    name = described(model) + (f"; {remark}" if remark else "")
    return Row(method, name, condition, Outcome(failure is None, failure), measure)


def described(model: Any) -> str:
    """The call that builds this dataclass again, without the dials that are as by default."""
    dials = [(field.name, getattr(model, field.name), field.default) for field in fields(model)]
    turned = [f"{name}={_short(value)}" for name, value, default in dials if value != default]
    return f"{type(model).__name__}({', '.join(turned)})"


def _short(value: object) -> str:
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return f"{value:_}" if type(value) is int else repr(value)


def select(methods: Iterable[str]) -> list[Row]:
    """The rows of these methods in the order of the matrix; of all methods if none is named.

    Raises
    ------
    InvalidInput
        For an unknown method, with the nearest that there is.
    """
    wanted = {_known(name) for name in methods} or set(METHODS)
    return [
        one
        for method in METHODS
        if method in wanted
        for one in import_module(f"toy_models.cells.{method}").ROWS
    ]


def select_diagrams(rows: Iterable[Row]) -> list[Diagram]:
    """The diagrams of the methods that these rows belong to."""
    methods = {row.method for row in rows}
    found = [import_module(f"toy_models.diagrams.{name}").DIAGRAM for name in DIAGRAMS]
    return [diagram for diagram in found if diagram.method in methods]


def _known(name: str) -> str:
    folded = name.casefold().replace("-", "_")
    if folded not in METHODS:
        raise unknown("method", name, METHODS)
    return folded


def run(
    rows: list[Row],
    diagrams: Sequence[Diagram] = (),
    *,
    seed: int,
    seeds: int,
    full: bool = False,
    workers: int = 1,
    advance: Advance = silent,
) -> dict[str, Any]:
    """Measure every row on ``seeds`` instances, and every diagram: what ``toy --json`` writes.

    The results do not depend on the number of workers, apart from their ``seconds``.
    """
    from identifiability.results import SCHEMA, version

    start = time.perf_counter()
    cells = [(row, cell_seed(seed, row, repeat)) for row in rows for repeat in range(seeds)]
    points = [(diagram, point) for diagram in diagrams for point in diagram.points(full)]
    jobs: list[tuple[Any, ...]] = [(run_cell, *cell) for cell in cells]
    jobs += [(d.measure, point, point_seed(seed, d, point)) for d, point in points]
    names = iter([row.model for row, _ in cells] + [diagram.title for diagram, _ in points])
    found = ordered_map(_call, jobs, workers=workers, advance=advance, label=lambda _: next(names))
    trials: dict[str, list[tuple[Point, Found]]] = {diagram.name: [] for diagram in diagrams}
    for (diagram, point), numbers in zip(points, found[len(cells) :], strict=True):
        trials[diagram.name].append((point, numbers))
    return {
        "version": version(),
        "schema": SCHEMA,
        "seed": seed,
        "seconds": time.perf_counter() - start,
        "runs": found[: len(cells)],
        "diagrams": [as_json(diagram, trials[diagram.name]) for diagram in diagrams],
    }


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def cell_seed(seed: int, row: Row, repeat: int) -> int:
    """A cell's own seed, which depends on nothing but the run's seed and the cell's name."""
    return _derived(seed, f"{row.key}|{repeat}")


def point_seed(seed: int, diagram: Diagram, point: Point) -> int:
    """A trial's own seed, by the same rule."""
    return _derived(seed, f"{diagram.name}|{point!r}")


def _derived(seed: int, name: str) -> int:
    key = zlib.crc32(name.encode())
    return int(np.random.SeedSequence([seed, key]).generate_state(1)[0])


def run_cell(row: Row, seed: int) -> dict[str, Any]:
    """One cell as interfaces.md has it."""
    start = time.perf_counter()
    measured = row.measure(seed)
    predicted, observed = row.predicted, measured.outcome
    return {
        "method": row.method,
        "model": row.model,
        "condition": row.condition,
        "holds": row.holds,
        "predicted": predicted.word,
        "observed": observed.word,
        "agrees": predicted == observed,
        "failure_mode": {"predicted": predicted.failure_mode, "observed": observed.failure_mode},
        "score": measured.score,
        "score_min": measured.score_min,
        "interval": list(measured.interval),
        "chance": measured.chance,
        "n": measured.n,
        "d": measured.d,
        "seed": seed,
        "seconds": time.perf_counter() - start,
    }


def all_agree(results: dict[str, Any]) -> bool:
    """Whether there are cells, and every one and every diagram's checks came out as predicted."""
    checks = [check for diagram in results["diagrams"] for check in diagram["checks"]]
    return bool(results["runs"]) and all(item["agrees"] for item in [*results["runs"], *checks])

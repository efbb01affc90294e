"""Phase diagrams: where a method recovers, measured, with the boundary that theory draws.

A diagram is data. Its module in ``toy_models/diagrams/`` says which points to measure, how to
measure one, and how the measurements become panels or curves; drawing is the report's business.
Every diagram carries checks stated before measuring, so that a wrong boundary fails the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from identifiability.verdict import plain

Point = tuple[Any, ...]  # plain numbers and strings: sent to workers, and part of the seed
Found = dict[str, float]  # what one trial at one point showed
Role = Literal["ours", "baseline", "theory"]


@dataclass(frozen=True)
class Axis:
    """A quantity with its unit, in words, and how it is spaced."""

    label: str
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Curve:
    """y over x, with an interval where it is measured; the diagram's note says of which kind."""

    label: str
    role: Role
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()

    @classmethod
    def of_groups(
        cls, label: str, role: Role, x: Sequence[float], groups: Sequence[Sequence[float]]
    ) -> Curve:
        """Median of the trials at each x, between the least and the most."""
        return cls(
            label,
            role,
            x,
            [float(np.median(group)) for group in groups],
            [float(min(group)) for group in groups],
            [float(max(group)) for group in groups],
        )


@dataclass(frozen=True)
class Panel:
    """Shares of recoveries, ``values[row][column]`` at ``y[row]`` and ``x[column]``."""

    label: str
    role: Role
    x: Sequence[float]
    y: Sequence[float]
    values: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Check:
    """A number that theory puts between two others, said before it is measured."""

    statement: str
    measured: float
    at_least: float
    at_most: float

    @property
    def agrees(self) -> bool:
        """False for NaN too."""
        return self.at_least <= self.measured <= self.at_most


@dataclass(frozen=True)
class Drawing:
    """What a diagram shows: panels side by side with boundaries over them, or curves.

    Parameters
    ----------
    x, y
        The axes.
    panels
        Maps over (x, y); empty for a diagram of curves.
    curves
        Boundaries drawn over every panel (role ``theory``), or the curves themselves.
    checks
        Where measurement must meet theory.
    trials
        Random instances behind each point.
    note
        Dials that are the same at all points: d, n, dtype, noise.
    """

    x: Axis
    y: Axis
    panels: Sequence[Panel]
    curves: Sequence[Curve]
    checks: Sequence[Check]
    trials: int
    note: str


@dataclass(frozen=True)
class Diagram:
    """A phase diagram of one method.

    Parameters
    ----------
    method, name, title
        The method whose rows it goes with, its own name, and one line for the reader.
    points
        ``points(full)``: every trial to run, repeats included (their number is part of the point);
        few by default, many with ``full``.
    measure
        One trial: point and seed to numbers; a module-level function, since it is sent to worker
        processes.
    draw
        All trials, in the order of ``points``, to a drawing.
    """

    method: str
    name: str
    title: str
    points: Callable[[bool], Sequence[Point]]
    measure: Callable[[Point, int], Found]
    draw: Callable[[list[tuple[Point, Found]]], Drawing]


def as_json(diagram: Diagram, trials: list[tuple[Point, Found]]) -> dict[str, Any]:
    """A diagram as ``toy --json`` has it."""
    drawing = diagram.draw(trials)
    head = {"method": diagram.method, "name": diagram.name, "title": diagram.title}
    checks = [plain(check) | {"agrees": check.agrees} for check in drawing.checks]
    return head | plain(drawing) | {"checks": checks}

"""What rests on what among the theorems."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from identifiability.reporting.drawing import SOFT

_HALF = 24.0, 12.0  # points: half of a box with a little air


def dependency_graph(axes: Axes, theorems: list[dict[str, Any]]) -> None:
    """What each theorem rests on: arrows to the left; the numbers count its assumptions."""
    level: dict[str, int] = {}
    for entry in _bottom_up(theorems):
        level[entry["id"]] = 1 + max((level[needed] for needed in entry["depends_on"]), default=-1)
    rows = {depth: [t for t in theorems if level[t["id"]] == depth] for depth in level.values()}
    tallest = max(len(row) for row in rows.values())
    place = {
        entry["id"]: (depth, -(i + 0.5) * tallest / len(row))
        for depth, row in rows.items()
        for i, entry in enumerate(row)
    }
    size = np.array(axes.get_window_extent().size) * 72 / axes.figure.dpi
    unit = size / (max(rows) + 0.8, tallest)  # points that one step takes, across and down
    for entry in theorems:
        for needed in entry["depends_on"]:
            gap = _to_the_edge(np.subtract(place[needed], place[entry["id"]]) * unit)
            arrow = {"arrowstyle": "->", "color": SOFT, "lw": 0.9, "shrinkA": gap, "shrinkB": gap}
            axes.annotate("", place[needed], place[entry["id"]], arrowprops=arrow)
    for entry in theorems:
        good = entry["status"] == "verified"
        label = f"{entry['id']} ({len(entry['assumptions'])})"
        box = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": "C0" if good else "C1"}
        axes.text(*place[entry["id"]], label, ha="center", va="center", fontsize=8.5, bbox=box)
    axes.set(xlim=(-0.4, max(rows) + 0.4), ylim=(-tallest, 0), title="What rests on what")
    axes.axis("off")


def _to_the_edge(step: np.ndarray) -> float:
    """Points from the middle of a box to where an arrow in that direction leaves it."""
    across, down = np.abs(step) / np.linalg.norm(step)
    return float(min(_HALF[0] / max(across, 1e-9), _HALF[1] / max(down, 1e-9)))


def _bottom_up(theorems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each theorem after those that it rests on."""
    by_id = {entry["id"]: entry for entry in theorems}
    order = TopologicalSorter({key: entry["depends_on"] for key, entry in by_id.items()})
    return [by_id[identifier] for identifier in order.static_order()]

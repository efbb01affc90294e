"""Phase diagrams: shares of recoveries as maps, or measured curves, under the theory's boundary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from identifiability.reporting.drawing import Picture

_LINES = {"ours": "-", "baseline": "--", "theory": ":"}
_MARKERS = {"ours": "o", "baseline": "s", "theory": ""}
# Boundaries lie on a map from light to dark: black under white is seen on either.
_BOUNDARY_DASHES = ("-", "--", ":", "-.")


def phase_diagram(diagram: dict[str, Any]) -> str:
    """A diagram as ``toy --json`` has it, as an SVG element."""
    return picture(diagram).svg()


def picture(diagram: dict[str, Any]) -> Picture:
    """The same with its words; greys of a map are data and stay as they are in the dark."""
    panels = max(len(diagram["panels"]), 1)
    return Picture(
        name=diagram["name"],
        title=diagram["title"],
        caption=summary(diagram),
        fill=partial(_fill, diagram=diagram, columns=panels),
        width=8.2 if panels == 1 else 3.1 * panels + 0.8,
        height=4.0,
        themed=not diagram["panels"],
    )


def summary(diagram: dict[str, Any]) -> str:
    """What the picture shows, in words: for those who do not see it."""
    checks = [
        f"{check['statement']}: measured {_number(check['measured'])}, "
        f"{'as predicted' if check['agrees'] else 'NOT as predicted'}"
        for check in diagram["checks"]
    ]
    trials = f"{diagram['trials']} trials a point; {diagram['note']}."
    return f"{diagram['title']}. {trials} {'; '.join(checks)}."


def _number(value: float | None) -> str:
    """JSON has no NaN: what was not measured is missing."""
    return "nothing" if value is None else f"{value:.3g}"


def _fill(figure: Figure, diagram: dict[str, Any], columns: int) -> None:
    axes = list(figure.subplots(1, columns, squeeze=False, sharey=True)[0])
    if diagram["panels"]:
        figure.suptitle(diagram["title"], fontsize=10.5, x=0.01, ha="left")
        phase_maps(axes, diagram)
    else:
        phase_curves(axes[0], diagram)
        axes[0].set_title(diagram["title"])


def phase_maps(axes: Sequence[Axes], diagram: dict[str, Any]) -> None:
    """One map for each panel, all with the same boundaries and the same scale from 0 to 1."""
    mesh = None
    for i, (panel, place) in enumerate(zip(diagram["panels"], axes, strict=True)):
        values = np.array(panel["values"], dtype=float)
        place.grid(False)
        x, y = _edges(panel["x"], diagram["x"]["scale"]), _edges(panel["y"], diagram["y"]["scale"])
        mesh = place.pcolormesh(x, y, values, cmap="cividis", vmin=0, vmax=1, rasterized=True)
        limits = (x[0], x[-1]), (y[0], y[-1])
        for curve, dashes in zip(diagram["curves"], _BOUNDARY_DASHES, strict=False):
            x, y = curve["x"], curve["y"]
            place.plot(x, y, color="white", lw=3.0)
            place.plot(x, y, color="black", lw=1.4, ls=dashes, label=curve["label"])
        place.set(
            xscale=diagram["x"]["scale"],
            yscale=diagram["y"]["scale"],
            xlim=limits[0],
            ylim=limits[1],
            ylabel=diagram["y"]["label"] if i == 0 else "",
        )
        place.set_title(panel["label"], fontsize=9.5)
    figure = axes[0].figure
    axes[len(axes) // 2].set_xlabel(diagram["x"]["label"])  # once, for all of them
    if mesh is not None:
        figure.colorbar(mesh, ax=list(axes), label="share recovered", pad=0.02)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _edges(centres: Sequence[float], scale: str) -> np.ndarray:
    """Borders of the cells around ascending centres, half-way on the axis as drawn."""
    middle = np.log(centres) if scale == "log" else np.asarray(centres, dtype=float)
    half = np.diff(middle) / 2 if len(middle) > 1 else np.array([0.5])
    edges = np.r_[middle[0] - half[0], middle[:-1] + half[: len(middle) - 1], middle[-1] + half[-1]]
    return np.exp(edges) if scale == "log" else edges


def phase_curves(axes: Axes, diagram: dict[str, Any]) -> None:
    """Measured curves with their intervals; theory dotted, what anyone tries first dashed."""
    measured = [curve["label"] for curve in diagram["curves"] if curve["role"] != "theory"]
    colours = {label: f"C{i % 7}" for i, label in enumerate(dict.fromkeys(measured))}
    for curve in diagram["curves"]:
        role, colour = curve["role"], colours.get(curve["label"], "black")
        y = np.array(curve["y"], dtype=float)
        axes.plot(
            curve["x"],
            y,
            label=curve["label"],
            color=colour,
            ls=_LINES[role],
            marker=_MARKERS[role],
            zorder=3 if role == "theory" else 2,
        )
        if len(curve["low"]):
            low, high = np.array(curve["low"], float), np.array(curve["high"], float)
            axes.fill_between(curve["x"], low, high, color=colour, alpha=0.18, lw=0)
    axes.set(
        xscale=diagram["x"]["scale"],
        yscale=diagram["y"]["scale"],
        xlabel=diagram["x"]["label"],
        ylabel=diagram["y"]["label"],
    )
    axes.legend(*_once(axes), loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _once(axes: Axes) -> tuple[list[Any], list[str]]:
    """Handles and labels without repeats: several theory curves may share one label."""
    handles, labels = axes.get_legend_handles_labels()
    kept = dict(zip(reversed(labels), reversed(handles), strict=True))
    names = list(dict.fromkeys(labels))
    return [kept[name] for name in names], names

"""Each figure is a function from results to axes; nothing is computed while plotting."""

from __future__ import annotations

import io
from collections.abc import Callable
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = str(files("identifiability.reporting") / "style.mplstyle")


def svg(fill: Callable[[Figure], None], *, width: float = 6.0, height: float = 3.8) -> str:
    """Draw on a figure and return the SVG element, the same bytes for the same results."""
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(width, height))
        fill(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def on_axes(draw: Callable[[Axes], None]) -> Callable[[Figure], None]:
    """A figure that is one pair of axes."""
    return lambda figure: draw(figure.subplots())


def spectrum(axes: Axes, entry: dict[str, Any]) -> None:
    """Fisher eigenvalues, the level of rounding, and where directions become epsilon-null."""
    values = np.array(entry["eigenvalues"])
    index = np.arange(1, values.size + 1)
    axes.semilogy(index, np.where(values > 0, values, np.nan), color="C0", label="eigenvalue")
    axes.axhline(entry["noise_floor"], color="0.45", ls=":", label="noise floor")
    for i, null in enumerate(n for n in entry["epsilon_null"] if n["epsilon"] == 0.01):
        level = 2 * null["epsilon"] / null["radius"] ** 2
        label = f"0.01 nats at ‖{null['trait']}‖: {null['dimension']} below"
        axes.axhline(level, color=f"C{i + 1}", lw=1.0, ls="--", label=label)
    axes.set(
        xlabel="eigen-direction",
        ylabel="Fisher information (nats / unit²)",
        title=f"Mean Fisher spectrum over {entry['prompts']} prompts, after block {entry['layer']}",
        xlim=(1, values.size),
    )
    axes.legend()


def predicted_against_measured(axes: Axes, claims: list[dict[str, Any]]) -> None:
    """Held-out KL against its prediction, one point a decile, trait and judged strength."""
    rows = [r for r in claims if r["claim"] == "epsilon_null" and r["arm"] != "null"]
    for i, alpha in enumerate(sorted({row["alpha"] for row in rows})):
        some = [row for row in rows if row["alpha"] == alpha]
        x = [row["prediction"] for row in some]
        y = np.array([row["measured"] for row in some])
        spread = np.abs(np.array([row["interval"] for row in some]).T - y)
        axes.errorbar(
            x, y, yerr=spread, fmt="o", ms=4, lw=0.8, color=f"C{i}", label=f"α = {alpha:g}"
        )
    ends = np.array(
        [min(r["prediction"] for r in rows) / 2, max(r["prediction"] for r in rows) * 2]
    )
    axes.plot(ends, ends, color="0.4", lw=0.8)
    axes.fill_between(ends, ends / 2, ends * 2, color="0.9", zorder=0, label="within a factor of 2")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="predicted ½ δᵀGδ (nats)",
        ylabel="measured KL, held-out prompts (nats)",
        title="Each spectrum decile: predicted first, then measured",
    )
    axes.legend()


def strength_sweep(axes: Axes, sweeps: list[dict[str, Any]], trait: str) -> None:
    """Measured over predicted KL against the strength, for every third decile."""
    rows = [r for r in sweeps if r["claim"] == "epsilon_null" and r["trait"] == trait]
    shown = [arm for arm in dict.fromkeys(r["arm"] for r in rows) if arm != "null"][::3]
    for i, arm in enumerate(shown):
        some = [row for row in rows if row["arm"] == arm]
        ratio = [row["measured"] / row["prediction"] for row in some]
        axes.plot([row["alpha"] for row in some], ratio, "o-", color=f"C{i}", label=arm)
    axes.axhspan(0.5, 2, color="0.92", zorder=0)
    axes.axvline(0.5, color="0.5", lw=0.8, ls=":")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="strength α (judged up to 0.5)",
        ylabel="measured / predicted KL",
        yticks=(0.5, 1, 2),
        yticklabels=("½", "1", "2"),
        ylim=(0.3, 3.3),
        title=f"Where the second-order prediction ends ({trait})",
    )
    axes.minorticks_off()
    axes.legend(title="1 is the most visible", title_fontsize=8)


def orthogonal_ratio(axes: Axes, sweeps: list[dict[str, Any]]) -> None:
    """KL of a random orthogonal direction relative to v's, with its predicted value rho."""
    rows = [r for r in sweeps if r["claim"] == "orthogonal_not_invisible"]
    for i, trait in enumerate(dict.fromkeys(row["trait"] for row in rows)):
        some = [row for row in rows if row["trait"] == trait]
        x = [row["alpha"] * 1.04**i for row in some]  # side by side, so that no bar hides another
        y = np.array([row["measured"] for row in some])
        spread = np.abs(np.array([row["interval"] for row in some]).T - y)
        axes.errorbar(x, y, yerr=spread, fmt="o-", color=f"C{i}", label=f"{trait}: measured")
        low, high = some[0]["prediction_interval"]
        axes.axhline(
            some[0]["prediction"], color=f"C{i}", lw=1, ls="--", label=f"{trait}: ρ predicted"
        )
        axes.axhspan(low, high, color=f"C{i}", alpha=0.12, lw=0, zorder=0)
    axes.axhline(0, color="0.3", lw=0.8)
    axes.set(
        xscale="log",
        xlabel="strength α (judged up to 0.5)",
        ylabel="KL(random ⊥) / KL(v)",
        title="Orthogonal is not invisible",
    )
    axes.legend()


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
    for entry in theorems:
        for needed in entry["depends_on"]:
            arrow = {"arrowstyle": "->", "color": "0.55", "lw": 0.9, "shrinkA": 24, "shrinkB": 24}
            axes.annotate("", place[needed], place[entry["id"]], arrowprops=arrow)
    for entry in theorems:
        good = entry["status"] == "verified"
        label = f"{entry['id']} ({len(entry['assumptions'])})"
        box = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": "C0" if good else "C1"}
        axes.text(*place[entry["id"]], label, ha="center", va="center", fontsize=8.5, bbox=box)
    axes.set(xlim=(-0.4, max(rows) + 0.4), ylim=(-tallest, 0), title="What rests on what")
    axes.axis("off")


def _bottom_up(theorems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each theorem after those that it rests on."""
    by_id = {entry["id"]: entry for entry in theorems}
    order = TopologicalSorter({key: entry["depends_on"] for key, entry in by_id.items()})
    return [by_id[identifier] for identifier in order.static_order()]

"""The observation ladder: what is observed decides what is identified (N10)."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from identifiability.reporting.drawing import BAND, INK, SOFT, Fill

RECOVERED = 0.95
"""Cosine from which on a vector counts as recovered: nine tenths of its energy."""


def in_words(rung: str) -> str:
    """A rung as people say it."""
    kind, _, number = rung.partition(":")
    words = {
        "top": f"top {number} log-probabilities",
        "samples": f"{number} sampled tokens",
        "score": "a log-odds score",
    }
    return words.get(kind, rung)


def most_prompts(points: list[dict[str, Any]]) -> int:
    """The largest number of prompts at which as many rungs as ever were looked at."""
    rungs: dict[int, set[str]] = {}
    for point in points:
        if point["quantity"] == "cosine":
            rungs.setdefault(point["prompts"], set()).add(point["rung"])
    return max(rungs, key=lambda count: (len(rungs[count]), count))


def ladder(axes: Axes, points: list[dict[str, Any]]) -> None:
    """Cosine of what each rung recovers from ``most_prompts``, at one layer and strength.

    Right of the line the vector is recovered and the paper's sentence is false; left of it, true.
    """
    cosines = [p for p in points if p["quantity"] == "cosine"]
    rungs = list(dict.fromkeys(p["rung"] for p in cosines))
    most = most_prompts(points)
    traits = list(dict.fromkeys(p["trait"] for p in cosines))
    axes.axvspan(RECOVERED, 1.03, color=BAND, zorder=0)
    axes.axvline(RECOVERED, color=INK, lw=1)
    for i, trait in enumerate(traits):
        some = {p["rung"]: p for p in cosines if p["trait"] == trait and p["prompts"] == most}
        shift = 0.16 * (i - (len(traits) - 1) / 2)
        y = [-place - shift for place, rung in enumerate(rungs) if rung in some]
        measured = [some[rung]["measured"] for rung in rungs if rung in some]
        predicted = [some[rung]["predicted"] for rung in rungs if rung in some]
        mark = "osD^v"[i % 5]
        axes.plot(predicted, y, mark, mfc="none", ms=8, color=f"C{i}")
        axes.plot(measured, y, mark, ms=4.5, color=f"C{i}", label=trait)
    axes.plot([], [], "o", mfc="none", ms=8, color=SOFT, label="predicted")
    axes.plot([], [], "o", ms=4.5, color=SOFT, label="measured")
    axes.set(
        yticks=[-i for i in range(len(rungs))],
        yticklabels=[in_words(rung) for rung in rungs],
        ylim=(0.6 - len(rungs), 0.6),
        xlim=(min(0.0, *(p["measured"] for p in cosines)) - 0.03, 1.03),
        xlabel=f"cosine of the recovered and the planted vector; prompts: {most}",
        title=f"After block {points[0]['layer']}: “not identifiable” is false right of the line",
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.14), ncols=4)


def against_prompts(axes: Axes, points: list[dict[str, Any]], quantity: str) -> None:
    """One quantity of every rung, for one trait, against the number of prompts.

    Lines are measured, rings predicted; dark rungs see most.
    """
    some = [p for p in points if p["quantity"] == quantity]
    rungs = list(dict.fromkeys(p["rung"] for p in some))
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, len(rungs)))
    for shade, rung in zip(shades, rungs, strict=True):
        here = sorted((p for p in some if p["rung"] == rung), key=lambda p: p["prompts"])
        x = [p["prompts"] for p in here]
        axes.plot(x, [p["measured"] for p in here], ".-", color=shade, label=in_words(rung))
        axes.plot(x, [p["predicted"] for p in here], "o", mfc="none", ms=7, color=shade)
    counts = sorted({p["prompts"] for p in some})
    if quantity == "cosine":
        axes.axhline(RECOVERED, color=INK, lw=1)
    axes.set(
        xscale="log",
        xticks=counts,
        xticklabels=[str(count) for count in counts],
        xlabel="prompts",
        ylabel="cosine to the planted vector" if quantity == "cosine" else "class dimension",
        title=f"{points[0]['trait']}, after block {points[0]['layer']}",
    )
    axes.minorticks_off()


def with_legend(fill: Fill) -> Fill:
    """The same figure with the rungs of its first panel named once, below."""

    def filled(figure: Figure) -> None:
        fill(figure)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7.5)

    return filled


def turning(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the sentence turns with ``most_prompts``, predicted and measured."""
    most = most_prompts(points)
    return [p for p in points if p["quantity"] == "turning rung" and p["prompts"] == most]

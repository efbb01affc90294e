"""Fisher spectra: how much an output tells of each direction of the state."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from identifiability.reporting.drawing import INK

_MARKERS = "osD^v<>"


def spectra(axes: Axes, entries: list[dict[str, Any]], epsilon: float = 0.01) -> None:
    """Eigenvalues at each layer, the level of rounding, and where directions turn invisible.

    Below and right of a marker a step as long as the vector changes the output by less than
    ``epsilon`` nats.
    """
    traits = list(dict.fromkeys(n.get("trait", "v") for e in entries for n in e["epsilon_null"]))
    for i, entry in enumerate(entries):
        values = np.array(entry["eigenvalues"], dtype=float)
        index = np.arange(1, values.size + 1)
        null = [n for n in entry["epsilon_null"] if n["epsilon"] == epsilon]
        sizes = [n["dimension"] for n in null]
        label = f"after block {entry['layer']}"
        if sizes:
            span = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
            label += f": {span} of {values.size} below {epsilon:g} nats"
        positive = np.where(values > 0, values, np.nan)
        axes.semilogy(index, positive, color=f"C{i}", label=label)
        axes.axhline(entry["noise_floor"], color=f"C{i}", lw=1, ls=":")
        for found in null:
            level = 2 * epsilon / found["radius"] ** 2
            mark = _MARKERS[traits.index(found.get("trait", "v")) % len(_MARKERS)]
            place = values.size - found["dimension"] + 0.5
            axes.plot(place, level, mark, color=f"C{i}", mec=INK, ms=6, zorder=4)
    for i, trait in enumerate(traits):
        axes.plot([], [], _MARKERS[i % len(_MARKERS)], color="none", mec=INK, label=f"‖{trait}‖")
    axes.plot([], [], color=INK, lw=1, ls=":", label="rounding")
    axes.set(
        xlabel="eigen-direction, most visible first",
        ylabel="Fisher information (nats / unit²)",
        title=f"Mean Fisher spectrum over {entries[0]['prompts']} prompts",
        xlim=(1, max(len(entry["eigenvalues"]) for entry in entries)),
    )
    axes.legend(fontsize=7.5)


def growing_dimension(axes: Axes, curves: list[dict[str, Any]], cuts: dict[str, float]) -> None:
    """Directions below a cut, and below rounding, as more prompts are averaged, at one layer.

    Parameters
    ----------
    curves
        One for each number of prompts, with its eigenvalues.
    cuts
        Eigenvalues in nats / unit² below which a step shows less than so much, by what it is.
    """
    ordered = sorted(curves, key=lambda curve: curve["prompts"])
    counts = [curve["prompts"] for curve in ordered]
    for i, (label, cut) in enumerate(cuts.items()):
        below = [sum(value < cut for value in curve["eigenvalues"]) for curve in ordered]
        axes.plot(counts, below, "o-", color=f"C{i}", label=f"below {label}")
    lost = [sum(v < curve["noise_floor"] for v in curve["eigenvalues"]) for curve in ordered]
    axes.plot(counts, lost, "s:", color=INK, label="below rounding")
    axes.set(
        xscale="log",
        xticks=counts,
        xticklabels=[str(count) for count in counts],
        xlabel="prompts averaged",
        ylabel="directions",
        title=f"After block {ordered[0]['layer']}",
        ylim=(-0.02 * len(ordered[0]["eigenvalues"]), 1.02 * len(ordered[0]["eigenvalues"])),
    )
    axes.minorticks_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)

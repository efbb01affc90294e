"""What an audit measured along the step to its witness."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from identifiability.reporting.drawing import BAND, INK


def along_the_step(axes: Axes, rungs: list[dict[str, Any]], epsilon: float, of: str) -> None:
    """Measured divergence and its second order against the size of a step, with epsilon.

    Parameters
    ----------
    rungs
        Sizes in ascending order, with divergences in nats.
    epsilon
        Nats.
    of
        What the sizes are, for the axis.
    """
    x = [rung["size"] for rung in rungs]
    measured = np.array([rung["measured"] for rung in rungs], dtype=float)
    predicted = np.array([rung["second_order"] for rung in rungs], dtype=float)
    positive = predicted > 0
    if positive.any():
        near, at = predicted[positive], np.array(x)[positive]
        axes.fill_between(at, near / 2, near * 2, color=BAND, label="second order, a factor of 2")
        axes.plot(at, near, color=INK, lw=0.8)
    axes.plot(x, measured, "o-", color="C0", label="measured")
    axes.axhline(epsilon, color="C1", ls="--", lw=1.2, label=f"ε = {epsilon:g} nats")
    axes.set(
        xscale="log",
        yscale="log" if (measured > 0).all() else "linear",
        xticks=x,
        xticklabels=[f"{size:g}" for size in x],
        xlabel=of,
        ylabel="divergence (nats)",
    )
    axes.minorticks_off()
    axes.legend()

"""Predicted numbers beside the measured ones, and how both change with the strength."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from identifiability.reporting.drawing import BAND, INK, SOFT

_MOST_CURVES = 6
"""In one panel; of more, as many are shown, evenly spaced, so that each can be followed."""


def predicted_against_measured(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Held-out KL against its prediction, a point a row; the band is a factor of two."""
    shown = [row for row in rows if _positive(row)]
    for i, alpha in enumerate(sorted({row["alpha"] for row in shown})):
        some = [row for row in shown if row["alpha"] == alpha]
        x = [row["prediction"] for row in some]
        y = np.array([row["measured"] for row in some])
        axes.errorbar(
            x,
            y,
            yerr=_spread(some),
            fmt="os^Dv"[i % 5],
            ms=4,
            lw=0.9,
            color=f"C{i}",
            label=f"α = {alpha:g}",
        )
    ends = np.array([min(r["prediction"] for r in shown), max(r["prediction"] for r in shown)])
    ends = ends * [0.7, 1.4]
    axes.plot(ends, ends, color=INK, lw=0.8)
    axes.fill_between(ends, ends / 2, ends * 2, color=BAND, zorder=0, label="within a factor of 2")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="predicted ½ δᵀGδ (nats)",
        ylabel="measured KL, other prompts (nats)",
        title=f"After block {shown[0]['layer']}",
    )
    axes.legend()


def strength_sweep(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The arms of one claim, layer and trait against the strength.

    Where the prediction itself grows with the strength, measured over predicted, which is 1 where
    the prediction holds; elsewhere the measured number, with the prediction dashed.
    """
    arms = arms_swept(rows)
    chosen = sorted({round(i) for i in np.linspace(0, len(arms) - 1, _MOST_CURVES)})
    relative = grows(rows)
    for i, arm in enumerate(arms[place] for place in chosen):
        some = sorted((r for r in rows if r["arm"] == arm), key=lambda row: row["alpha"])
        some = [row for row in some if row["measured"] is not None]
        x = np.array([row["alpha"] for row in some]) * 1.015**i  # no bar hides another
        scale = np.array([row["prediction"] if relative else 1.0 for row in some])
        y = np.array([row["measured"] for row in some]) / scale
        spread = _spread(some)
        bars = None if spread is None else spread / scale
        style = {"color": f"C{i}", "marker": "os^Dv<"[i], "label": arm, "lw": 1.2}
        axes.errorbar(x, y, yerr=bars, elinewidth=0.8, **style)
        if not relative:
            _prediction_line(axes, some, f"C{i}")
    if relative:
        axes.axhspan(0.5, 2, color=BAND, zorder=0)
        axes.axhline(1, color=INK, lw=0.8)
        axes.set(yscale="log", yticks=(0.5, 1, 2), yticklabels=("½", "1", "2"))
    else:
        axes.axhline(0, color=SOFT, lw=0.8)
    alphas = sorted({row["alpha"] for row in rows if row["alpha"] > 0})
    axes.set(
        xscale="log",
        xticks=alphas,
        xticklabels=[f"{alpha:g}" for alpha in alphas],
        xlabel="strength α",
        ylabel="measured / predicted" if relative else rows[0]["unit"],
        title="all traits" if rows[0]["trait"] in (None, "any") else rows[0]["trait"],
    )
    axes.minorticks_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=7.5)


def arms_swept(rows: list[dict[str, Any]]) -> list[str]:
    """Arms measured at three strengths or more, in the order of the rows."""
    strengths: dict[str, set[float]] = {}
    for row in rows:
        if row["measured"] is not None and row["alpha"] > 0:
            strengths.setdefault(row["arm"], set()).add(row["alpha"])
    return [arm for arm, alphas in strengths.items() if len(alphas) >= 3]


def grows(rows: list[dict[str, Any]]) -> bool:
    """Whether every arm has positive predictions that change with the strength."""
    for arm in arms_swept(rows):
        values = [r["prediction"] for r in rows if r["arm"] == arm and r["measured"] is not None]
        if any(value is None or value <= 0 for value in values) or len(set(values)) == 1:
            return False
    return True


def _prediction_line(axes: Axes, some: list[dict[str, Any]], colour: str) -> None:
    stated = [row for row in some if row["prediction"] is not None]
    x, y = [row["alpha"] for row in stated], [row["prediction"] for row in stated]
    axes.plot(x, y, ls="--", lw=1, color=colour)
    ends = [row["prediction_interval"] for row in stated]
    if all(ends) and ends:
        low, high = np.array(ends, dtype=float).T
        axes.fill_between(x, low, high, color=colour, alpha=0.12, lw=0, zorder=0)


def _positive(row: dict[str, Any]) -> bool:
    return all(row[key] is not None and row[key] > 0 for key in ("prediction", "measured"))


def _spread(rows: list[dict[str, Any]]) -> np.ndarray | None:
    """Distances (2, n) of the intervals' ends from the estimates; None where one has none."""
    if not rows or any(row["interval"] is None for row in rows):
        return None
    y = np.array([row["measured"] for row in rows])
    return np.clip([[1], [-1]] * (y - np.array([row["interval"] for row in rows]).T), 0, None)

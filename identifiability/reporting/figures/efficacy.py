"""The paper's Figures 1 and 2 and their corrected twins: orthogonal directions, and strength."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from identifiability.reporting.drawing import BAND, INK, SOFT

FRACTION = 0.2
"""Of v's effect: the margin of equivalence, as theory.md section 4 sets it."""


def efficacies(axes: Axes, draws: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Every draw of every orthogonal arm of one trait, by the paper's ratio and by ours.

    The paper's raw ratio of scores has no unsteered arm, so that a zero vector has one too; the
    efficacy, a ratio of changes from the unsteered score, is 1 where an arm does what v does and 0
    where it does nothing. The band is the prediction and a fifth of v's effect each way.
    """
    arms = list(dict.fromkeys(d["arm"] for d in draws if "⊥" in d["arm"]))
    stated = {row["arm"]: row for row in rows}
    for i, arm in enumerate(arms):
        place, some = -i, [d for d in draws if d["arm"] == arm]
        row = stated.get(arm)
        if row is not None and row["prediction"] is not None:
            start = row["prediction"] - FRACTION, place - 0.4
            axes.add_patch(_box(start, 2 * FRACTION, 0.8, "20 % band" if i == 0 else None))
        raw = [d["raw_ratio"] for d in some]
        label = "the paper's raw ratio, a draw" if i == 0 else None
        axes.plot(raw, np.full(len(raw), place + 0.2), "s", mfc="none", color="C1", label=label)
        ours = [d["efficacy"] for d in some if d["efficacy"] is not None]
        label = "change from unsteered, a draw" if i == 0 else None
        axes.plot(ours, np.full(len(ours), place - 0.15), "o", color="C0", alpha=0.45, label=label)
        if row is not None and row["measured"] is not None and row["interval"] is not None:
            low, high = row["interval"]
            label = "its mean and 95 % interval" if i == 0 else None
            axes.plot([low, high], [place - 0.15] * 2, color=INK, lw=2)
            axes.plot(row["measured"], place - 0.15, "D", color=INK, ms=5, label=label)
    closed = [d["gate"] for d in draws if d["efficacy"] is None]
    title = f"{draws[0]['trait']}, after block {draws[0]['layer']}, α = {draws[0]['alpha']:g}"
    axes.set(
        yticks=[-i for i in range(len(arms))],
        yticklabels=arms,
        ylim=(-len(arms) + 0.4, 0.6),
        xlabel="efficacy relative to v (gate closed: none)" if closed else "efficacy relative to v",
        title=title,
    )
    axes.axvline(0, color=SOFT, lw=0.8)
    axes.axvline(1, color=SOFT, lw=0.8, ls="--")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=7.5)


def _box(start: tuple[float, float], width: float, height: float, label: str | None) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(start, width, height, fc=BAND, ec="none", zorder=0, label=label)


def raw_scores(axes: Axes, points: list[dict[str, Any]]) -> None:
    """The paper's reading of one trait: mean scores against strength, from one unsteered score."""
    for i, (arm, some) in enumerate(_by_arm(points).items()):
        x, y = [p["alpha"] for p in some], [p["score"] for p in some]
        axes.plot(x, y, "os^D"[i % 4] + "-", color=f"C{i}", label=arm)
    axes.set(
        xlabel="strength α", ylabel="mean score (nats / token)", title=f"{points[0]['trait']}: raw"
    )
    axes.legend()


def dose_response(
    axes: Axes, points: list[dict[str, Any]], slopes: dict[str, float | None]
) -> None:
    """Changes of the score from the unsteered one, with intervals; dashed, the predicted slopes.

    Parameters
    ----------
    slopes
        Predicted change of the score at unit strength, by arm; None where there is none.
    """
    for i, (arm, some) in enumerate(_by_arm(points).items()):
        x, y = np.array([p["alpha"] for p in some]), np.array([p["effect"] for p in some])
        spread = np.clip([[1], [-1]] * (y - np.array([p["interval"] for p in some]).T), 0, None)
        mark = "os^D"[i % 4] + "-"
        axes.errorbar(
            x + 0.012 * i, y, yerr=spread, fmt=mark, color=f"C{i}", elinewidth=0.9, label=arm
        )
        if (slope := slopes.get(arm)) is not None:
            near = x[x <= 1.0]
            axes.plot(near, slope * near, ls="--", lw=1, color=f"C{i}")
    own = _by_arm(points).get("v", [])
    x, y = np.array([p["alpha"] for p in own]), np.array([p["effect"] for p in own])
    if own:
        ends = y - FRACTION * np.abs(y), y + FRACTION * np.abs(y)
        axes.fill_between(x, *ends, color=BAND, zorder=0, label="v ± 20 %")
    axes.axhline(0, color=SOFT, lw=0.8)
    axes.set(
        xlabel="strength α",
        ylabel="change from unsteered (nats / token)",
        title=f"{points[0]['trait']}: baseline subtracted",
    )
    axes.legend()


def _by_arm(points: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for point in sorted(points, key=lambda p: p["alpha"]):
        found.setdefault(point["arm"], []).append(point)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "v", item[0])))

"""The paper's Figure 5 and its corrected twin: what an output leaves open, in three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from identifiability.reporting.drawing import GRID, INK, SOFT

V = np.array([1.0, 0.7, 0.55])
"""The vector that is drawn."""


def exact_kernel(axes: Any) -> None:
    """J sees two coordinates; every v + α v₃ has the same image J v.

    Parameters
    ----------
    axes
        Three-dimensional.
    """
    _space(axes, "A linear output with a kernel (N1)")
    reach = np.array([-1.4, 1.0])
    axes.plot([V[0]] * 2, [V[1]] * 2, V[2] + reach, color="C1", lw=2, label="class v + ker J")
    for alpha in (-1.2, -0.6, 0.6):
        tip = V + np.array([0, 0, alpha])
        _arrow(axes, tip, "C1", 0.9)
    _arrow(axes, V, "C0", 2.2, "v")
    axes.plot([V[0]] * 2, [V[1]] * 2, [-1.0, V[2]], color=SOFT, ls=":", lw=1)
    axes.scatter(V[0], V[1], -1.0, color="C2", s=28, label="J v, one point", depthshade=False)
    _legend(axes)


def thin_class(axes: Any, widest: float) -> None:
    """What shows at most epsilon is an ellipsoid around v, long where little is seen.

    Parameters
    ----------
    axes
        Three-dimensional.
    widest
        How many times longer the longest half-axis is than the shortest; said, not drawn to scale.
    """
    _space(axes, "A transformer: a long class (N7)")
    u, w = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, np.pi, 11))
    x = V[0] + 0.10 * np.cos(u) * np.sin(w)
    y = V[1] + 0.28 * np.sin(u) * np.sin(w)
    z = V[2] + 1.05 * np.cos(w)
    label = f"within ε nats of v; half-axes\nlongest : shortest = {widest:.3g} : 1"
    axes.plot_wireframe(x, y, z, color="C1", lw=0.5, label=label)
    _arrow(axes, V, "C0", 2.2, "v")
    tip = V + np.array([0, 0, -0.98])
    _arrow(axes, tip, "C3", 1.6, "a witness v′")
    _legend(axes)


def half_axes_ratio(eigenvalues: list[float], noise_floor: float) -> float:
    """sqrt(λ_max / λ_min), λ_min no smaller than what can be told from rounding."""
    return float(np.sqrt(max(eigenvalues) / max(min(eigenvalues), noise_floor)))


def _space(axes: Any, title: str) -> None:
    corners = np.array([-0.3, 1.6])
    plane = np.meshgrid(corners, corners)
    axes.plot_surface(*plane, np.full((2, 2), -1.0), color=GRID, shade=False, zorder=0)
    axes.computed_zorder = False  # or the plane hides what stands on it
    axes.set(xlim=(-0.3, 1.6), ylim=(-0.3, 1.6), zlim=(-1.0, 1.7))
    axes.set_title(title, loc="center", y=1.0)
    axes.set(xticks=[], yticks=[], zticks=[], xlabel="v₁, seen", ylabel="v₂, seen", zlabel="")
    axes.text(1.6, 1.6, 1.75, "v₃", fontsize=9, ha="center")
    axes.xaxis.labelpad = axes.yaxis.labelpad = -10
    axes.view_init(elev=18, azim=-62)


def _legend(axes: Any) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, fontsize=7.5)


def _arrow(axes: Any, tip: np.ndarray, colour: str, width: float, label: str | None = None) -> None:
    axes.quiver(0, 0, 0, *tip, color=colour, lw=width, arrow_length_ratio=0.09, label=label)
    if colour == "C0":
        axes.scatter(0, 0, 0, color=INK, s=10)

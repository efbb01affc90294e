"""The paper's Figure 4 and its corrected twin: how vectors are extracted and evaluated."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from identifiability.reporting.drawing import BAND, INK, SOFT

_WIDTH, _HEIGHT = 2.5, 1.15


def pipeline(axes: Axes, settings: dict[str, Any]) -> None:
    """Boxes from left to right: what is chosen and predicted, frozen, and then measured.

    Parameters
    ----------
    settings
        Of a run on a transformer: layers, traits, and how many prompts are for what.
    """
    prompts = settings["prompts"]
    layers = ", ".join(str(layer) for layer in settings["layers"])
    boxes = {
        "pairs": (0, 2, "Contrastive pairs", f"{len(settings['traits'])} traits, opposite texts"),
        "vector": (1, 2, "Steering vector v", f"mean difference of states\nafter block {layers}"),
        "choosing": (
            0,
            1,
            f"{prompts['choosing']} prompts",
            "for choosing directions\nand strength",
        ),
        "arms": (1, 1, "Arms at equal norm", "zero, v, −v, ⊥ random,\n⊥ ε-null, ⊥ observable"),
        "predicting": (0, 0, f"{prompts['predicting']} other prompts", "for predicting"),
        "stated": (1, 0, "Predictions stored", "number, interval, margin\nbefore any measurement"),
        "measuring": (2, 2, f"{prompts['measuring']} held-out prompts", "seen by nothing before"),
        "scorer": (2, 1, "Scorers", "used only if they separate\nheld-out opposites"),
        "measured": (2, 0, "Measurements", "change from the unsteered arm,\nKL in nats"),
        "verdict": (3, 0, "Verdict", "interval against margin,\nHolm over the run"),
    }
    for column, row, title, text in boxes.values():
        x, y = column * 3.3, row * 1.8
        held_out = column == 2 and row == 2
        axes.add_patch(_box((x, y), "C0" if held_out else SOFT, 1.8 if held_out else 1.0))
        middle = x + _WIDTH / 2
        axes.text(middle, y + 0.86, title, ha="center", va="center", fontsize=8.5, weight="bold")
        axes.text(middle, y + 0.4, text, ha="center", va="center", fontsize=7, linespacing=1.15)
    for start, end in (
        ("pairs", "vector"), ("choosing", "arms"), ("vector", "arms"), ("arms", "stated"),
        ("predicting", "stated"), ("stated", "measured"), ("measuring", "scorer"),
        ("scorer", "measured"), ("measured", "verdict"),
    ):  # fmt: skip
        _arrow(axes, boxes[start][:2], boxes[end][:2])
    axes.text(
        3 * 3.3, 2 * 1.8 + 0.6, "Blue: held out. Nothing\nto their left has seen\nthese prompts.",
        fontsize=7.5, color=INK, va="center",
    )  # fmt: skip
    axes.set(
        xlim=(-0.1, 3.3 * 3 + _WIDTH + 0.1), ylim=(-0.15, 5.0), title="From pairs to a verdict"
    )
    axes.axis("off")


def _box(corner: tuple[float, float], colour: str, line: float) -> Any:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.12"
    return FancyBboxPatch(corner, _WIDTH, _HEIGHT, boxstyle=style, fc=BAND, ec=colour, lw=line)


def _arrow(axes: Axes, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Along a row to the right, or down a column."""
    (i, j), (k, m) = start, end
    if j == m:
        ends = (i * 3.3 + _WIDTH, j * 1.8 + 0.58), (k * 3.3, m * 1.8 + 0.58)
    else:
        middle = i * 3.3 + _WIDTH / 2
        ends = (middle, j * 1.8), (middle, m * 1.8 + _HEIGHT)
    arrow = {"arrowstyle": "-|>", "color": SOFT, "lw": 1.1, "shrinkA": 1, "shrinkB": 1}
    axes.annotate("", ends[1], ends[0], arrowprops=arrow)

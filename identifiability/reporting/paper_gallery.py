"""The corrected twins of the paper's figures, and the observation ladder."""

from __future__ import annotations

from functools import partial
from typing import Any

from identifiability.reporting.drawing import Picture, panel_size, panels
from identifiability.reporting.figures import efficacy, ladder
from identifiability.reporting.grouping import groups


def paper_pictures(llm: dict[str, Any]) -> list[Picture]:
    """Those whose claims are among the results."""
    curves = llm.get("curves", {})
    found = _efficacy(curves.get("orthogonal_efficacy", []), llm["sweeps"])
    found += _dose(curves.get("strength_sweep", []), llm["sweeps"])
    return found + _ladder(curves.get("observation_ladder", []))


def _efficacy(draws: list[dict[str, Any]], sweeps: list[dict[str, Any]]) -> list[Picture]:
    orthogonal = [draw for draw in draws if "⊥" in draw["arm"]]
    traits = groups(orthogonal, "trait", "layer", "alpha")
    if not traits:
        return []
    rows = groups([r for r in sweeps if r["claim"] == "orthogonal_efficacy"], "trait", "layer")
    parts = [
        partial(efficacy.efficacies, draws=some, rows=rows.get(key[:2], []))
        for key, some in traits.items()
    ]
    caption = (
        "After the paper's Figure 1. Squares: its ratio of raw scores, which knows no unsteered "
        "arm. Circles: the change from the unsteered score relative to v's, a draw each, with "
        "their mean and 95 % interval. Grey: within a fifth of v's effect of what was predicted."
    )
    width, height = panel_size(len(parts), height=4.0)
    fill = panels(parts, share=False)
    return [
        Picture(
            "efficacy",
            "Orthogonal directions: raw and corrected",
            caption,
            fill,
            width + 1.2,
            height,
        )
    ]


def _dose(points: list[dict[str, Any]], sweeps: list[dict[str, Any]]) -> list[Picture]:
    parts = []
    stated = [r for r in sweeps if r["claim"] == "strength_sweep" and "slope of " in r["arm"]]
    for (trait, layer), some in groups(points, "trait", "layer").items():
        slopes = {
            row["arm"].removeprefix("slope of "): row["prediction"]
            for row in stated
            if (row["trait"], row["layer"]) == (trait, layer)
        }
        parts.append(partial(efficacy.raw_scores, points=some))
        parts.append(partial(efficacy.dose_response, points=some, slopes=slopes))
    if not parts:
        return []
    caption = (
        "After the paper's Figure 2. Left, mean scores against strength, as it reads them: all "
        "start from one unsteered score. Right, changes from that score, with 95 % "
        "intervals; dashed, the slope that the score's gradient predicts; grey, within a fifth of "
        "v's effect."
    )
    width, height = panel_size(len(parts), height=3.4)
    fill = panels(parts, share=False)
    return [
        Picture(
            "strength", "Score against strength: raw and corrected", caption, fill, width, height
        )
    ]


def _ladder(points: list[dict[str, Any]]) -> list[Picture]:
    found = []
    for (layer, alpha), some in groups(points, "layer", "alpha").items():
        if not any(point["quantity"] == "cosine" for point in some):
            continue
        at = f"_{layer}_{alpha:g}".replace(".", "_")
        rungs = len({p["rung"] for p in some if p["quantity"] == "cosine"})
        caption = (
            f"Vectors planted after block {layer} at strength {alpha:g} and seen through less and "
            "less of the output; sampled tokens and log-probabilities are branches, neither finer "
            "than the other. Open: predicted cosine of what is recovered; filled: measured. "
            f"{_turns(ladder.turning(some))}"
        )
        title = f"The observation ladder, block {layer}, α = {alpha:g}"
        draw = partial(ladder.ladder, points=some)
        size = 7.6, 1.5 + 0.42 * rungs
        found.append(Picture(f"ladder{at}", title, caption.strip(), panels([draw]), *size))
        found += _by_prompts(some, f"ladder_prompts{at}", f"{title}, by prompts")
    return found


def _by_prompts(points: list[dict[str, Any]], name: str, title: str) -> list[Picture]:
    """Of the traits that are seen through several numbers of prompts, if there are any."""
    quantities = [q for q in ("cosine", "dimensions") if any(p["quantity"] == q for p in points)]
    every = groups(points, "trait").values()
    traits = [some for some in every if len({point["prompts"] for point in some}) > 1]
    if not traits:
        return []
    parts = [
        partial(ladder.against_prompts, points=some, quantity=quantity)
        for some in traits
        for quantity in quantities
    ]
    caption = (
        "Cosine to the planted vector, and directions that cannot be told from none, against the "
        "number of prompts, for every rung from all logits (dark) to a score (light). Rings are "
        "predicted, lines measured."
    )
    width, height = panel_size(len(parts), columns=len(quantities), height=3.2)
    fill = ladder.with_legend(panels(parts, columns=len(quantities), share=False))
    return [Picture(name, title, caption, fill, width, height + 0.9)]


def _turns(points: list[dict[str, Any]]) -> str:
    """Where the sentence turns, for the traits for which it turns at the same place together."""
    found = [
        f"{', '.join(point['trait'] for point in some)}: predicted, {_side(predicted)}; measured, "
        f"{_side(measured)}."
        for (predicted, measured), some in groups(points, "predicted", "measured").items()
    ]
    return " ".join(["From which rung on it is lost.", *found]) if found else ""


def _side(rung: str | None) -> str:
    return "none" if rung is None else ladder.in_words(rung)

"""Which pictures the results of a directory allow: one whose data are missing is left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from identifiability.reporting.diagrams import picture as phase_picture
from identifiability.reporting.drawing import Picture, on_axes, panel_size, panels
from identifiability.reporting.figures import audit as of_audit
from identifiability.reporting.figures import geometry, pipeline, spectra
from identifiability.reporting.figures.predictions import (
    arms_swept,
    predicted_against_measured,
    strength_sweep,
)
from identifiability.reporting.figures.theorems import dependency_graph
from identifiability.reporting.grouping import groups
from identifiability.reporting.paper_gallery import paper_pictures

# Figures of their own, or rows whose strength is no dose.
_NOT_SWEPT = frozenset({"strength_sweep"})


def every_picture(results: dict[str, Any]) -> list[Picture]:
    """All that the results of a directory allow, each with a name of its own."""
    found = theorem_pictures(results) + toy_pictures(results)
    if results["llm"]:
        found += transformer_pictures(results["llm"])
    for name, audit in results["audits"].items():
        found += audit_pictures(name, audit)
    return found


def theorem_pictures(results: dict[str, Any]) -> list[Picture]:
    """The graph of theorems, where all that they rest on is among them."""
    theorems = results["proofs"]["theorems"] if results["proofs"] else []
    present = {entry["id"] for entry in theorems}
    if not theorems or any(set(entry["depends_on"]) - present for entry in theorems):
        return []
    return [
        Picture(
            "dependencies",
            "Dependency graph of the theorems",
            "An arrow leads from a theorem to one that it rests on; in brackets the number of its "
            "assumptions, each of which is shown to be needed.",
            on_axes(partial(dependency_graph, theorems=theorems)),
            width=8,
            height=4.6,
        )
    ]


def toy_pictures(results: dict[str, Any]) -> list[Picture]:
    """Each phase diagram of the toy models."""
    return [phase_picture(d) for d in results["toy"]["diagrams"]] if results["toy"] else []


def transformer_pictures(llm: dict[str, Any]) -> list[Picture]:
    """Spectra, predictions against measurements, sweeps, and the twins of the paper's figures."""
    found = _spectra(llm) + _predicted(llm) + _growing(llm)
    return [*found, *_sweeps(llm), *paper_pictures(llm), _pipeline(llm), *_geometry(llm)]


def _spectra(llm: dict[str, Any]) -> list[Picture]:
    if not llm["spectrum"]:
        return []
    caption = (
        "How much the next-token distribution tells of each direction of the state. Right of a "
        "mark a step as long as that trait's vector changes it by less than 0.01 nats; dotted, "
        "the level of rounding."
    )
    draw = partial(spectra.spectra, entries=llm["spectrum"])
    return [Picture("spectra", "Fisher spectra", caption, on_axes(draw))]


def _predicted(llm: dict[str, Any]) -> list[Picture]:
    rows = [r for r in llm["claims"] if r["claim"] == "epsilon_null" and r["arm"] != "null"]
    rows = [r for r in rows if (r["prediction"] or 0) > 0 and (r["measured"] or 0) > 0]
    layers = groups(rows, "layer")
    if not layers:
        return []
    caption = (
        "Directions from each tenth of the Fisher spectrum, as long as v and orthogonal to it. "
        "The prediction uses other prompts than the measurement; bars are 95 % intervals over "
        "prompts."
    )
    draws = [partial(predicted_against_measured, rows=some) for some in layers.values()]
    return [_paneled("predicted_measured", "Predicted first, then measured", caption, draws)]


def _growing(llm: dict[str, Any]) -> list[Picture]:
    curves = groups(llm.get("curves", {}).get("null_space_dimension", []), "layer")
    cuts = {entry["layer"]: _cuts(entry) for entry in llm["spectrum"]}
    draws = [
        partial(spectra.growing_dimension, curves=some, cuts=cuts.get(layer, {}))
        for (layer,), some in curves.items()
    ]
    if not draws:
        return []
    caption = (
        "Directions along which a step of the vector's length shows less than so much, as prompts "
        "are averaged; dotted, those that cannot be told from zero at the level of rounding."
    )
    return [_paneled("null_space_dimension", "Null-space dimension", caption, draws)]


def _cuts(entry: dict[str, Any]) -> dict[str, float]:
    """2 epsilon / r², for the first trait at each tolerance."""
    first = entry["epsilon_null"][0].get("trait") if entry["epsilon_null"] else None
    return {
        f"{null['epsilon']:g} nats at ‖{first}‖": 2 * null["epsilon"] / null["radius"] ** 2
        for null in entry["epsilon_null"]
        if null.get("trait") == first
    }


def _sweeps(llm: dict[str, Any]) -> list[Picture]:
    titles = {family["claim"]: family["title"] for family in llm.get("families", [])}
    found = []
    for (claim, layer), rows in groups(llm["sweeps"], "claim", "layer").items():
        traits = groups(rows, "trait").values()
        draws = [partial(strength_sweep, rows=some) for some in traits if arms_swept(some)]
        if claim in _NOT_SWEPT or not draws:
            continue
        title = titles.get(claim, claim.replace("_", " "))
        caption = (
            f"Of the claim “{title}”: measured numbers against the strength after block "
            f"{layer}, with 95 % intervals. Dashed, what was predicted; where measured over "
            "predicted is drawn, the grey band is a factor of two."
        )
        name = f"sweep_{claim}_{layer}"
        found.append(
            _paneled(
                name, f"{title[0].upper()}{title[1:]}, by strength (block {layer})", caption, draws
            )
        )
    return found


def _pipeline(llm: dict[str, Any]) -> Picture:
    caption = (
        "How vectors are extracted and evaluated, after the paper's Figure 4: pairs give a vector; "
        "some prompts choose, others predict, the predictions are stored, and prompts that nothing "
        "has seen measure them."
    )
    draw = partial(pipeline.pipeline, settings=llm["settings"])
    return Picture("pipeline", "Extraction and evaluation", caption, on_axes(draw), 8.6, 3.8)


def _geometry(llm: dict[str, Any]) -> list[Picture]:
    if not llm["spectrum"]:
        return []
    entry = llm["spectrum"][len(llm["spectrum"]) // 2]
    lost = sum(value <= entry["noise_floor"] for value in entry["eigenvalues"])
    ratio = geometry.half_axes_ratio(entry["eigenvalues"], entry["noise_floor"])
    caption = (
        "After the paper's Figure 5. Left, a linear output that sees two coordinates: all "
        "v + α v₃ have one image. Right, a transformer to second order: the vectors within ε nats "
        "of v fill an ellipsoid, here in three of its axes and not to scale. After block "
        f"{entry['layer']}, {lost} of {len(entry['eigenvalues'])} directions are at the level of "
        f"rounding, and the longest half-axis is {'at least ' if lost else ''}{ratio:.3g} times "
        "the shortest."
    )

    def fill(figure: Figure) -> None:
        geometry.exact_kernel(figure.add_subplot(1, 2, 1, projection="3d"))
        geometry.thin_class(figure.add_subplot(1, 2, 2, projection="3d"), ratio)

    return [Picture("geometry", "What an output leaves open", caption, fill, 9.0, 4.4)]


def audit_pictures(name: str, audit: dict[str, Any]) -> list[Picture]:
    """The spectrum that the class comes from, and the divergence along the witness's step."""
    settings = audit["settings"]
    found = []
    if audit["spectrum"]:
        caption = "Right of the mark lie the directions of the class."
        draw = partial(spectra.spectra, entries=audit["spectrum"], epsilon=settings["epsilon"])
        found.append(Picture(f"{name}_spectrum", "Spectrum of the audit", caption, on_axes(draw)))
    witness = audit["vector"]["witness"]
    if witness and witness["along_its_step"]:
        caption = (
            "Divergence between v and points on the way to the witness (1) and beyond, on prompts "
            "that did not choose it; grey, its second order within a factor of two."
        )
        draw = partial(
            of_audit.along_the_step,
            rungs=witness["along_its_step"],
            epsilon=settings["epsilon"],
            of="steps from v to the witness",
        )
        found.append(Picture(f"{name}_witness", "Towards the witness", caption, on_axes(draw)))
    return found


def _paneled(name: str, title: str, caption: str, draws: list[Callable[..., None]]) -> Picture:
    width, height = panel_size(len(draws))
    return Picture(name, title, caption, panels(draws), width, height)

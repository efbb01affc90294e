"""Turns ``results.json`` into one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from identifiability.results import output_directory, read_json, replacing


def build_report(directory: Path) -> Path:
    """Write ``report/index.html`` from the results in a directory and return its path.

    Raises
    ------
    InvalidInput
        If there are no results, they cannot be read, or the report cannot be written.
    """
    results = _joined(read_json(directory / "results.json"))
    target = output_directory(directory / "report") / "index.html"
    page = render(results)
    with replacing(target) as stream:
        stream.write(page.encode())
    return target


def _joined(results: dict[str, Any]) -> dict[str, Any]:
    """What ``toy`` or ``llm`` writes on its own, as a part of the whole that ``verify`` makes."""
    for part, key in (("toy", "runs"), ("llm", "claims")):
        if key in results:
            kept = {key: results[key] for key in ("version", "schema", "provenance")}
            return kept | {"proofs": None, "toy": None, "llm": None, part: results}
    return results


def render(results: dict[str, Any]) -> str:
    """The page as text; it loads nothing from anywhere."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("identifiability.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["mathml"] = mathml
    environment.filters["number"] = number
    style = (files("identifiability.reporting") / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        results=results,
        style=style,
        figures=_figures(results),
        diagrams=_phase_diagrams(results),
        claims=_claim_tables(results),
        dependencies=_dependencies(results),
    )


def mathml(latex: str) -> Any:
    """LaTeX as MathML, which browsers render without a script."""
    import latex2mathml.converter
    from markupsafe import Markup

    return Markup(latex2mathml.converter.convert(latex, display="block"))


def number(value: float | None, digits: int = 3) -> str:
    """A number for reading; a missing one is a dash."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}"


def _figures(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every figure that the results allow, with the sentence that says what it shows."""
    from markupsafe import Markup

    from identifiability.reporting import figures

    llm = results.get("llm")
    if not llm:
        return []
    traits = _unique(row["trait"] for row in llm["sweeps"])
    drawn = [
        (
            partial(figures.predicted_against_measured, claims=llm["claims"]),
            "Directions from each tenth of the Fisher spectrum, norm-matched to v and orthogonal "
            "to it. The prediction uses other prompts than the measurement; bars are 95 % "
            "intervals over prompts.",
        ),
        (
            partial(figures.spectrum, entry=llm["spectrum"][0]),
            "How much the next-token distribution tells about each direction of the state. Below a "
            "dashed line a step as long as v changes it by less than 0.01 nats.",
        ),
        (
            partial(figures.orthogonal_ratio, sweeps=llm["sweeps"]),
            "A random direction orthogonal to v, at v's norm, changes the output by about ρ times "
            "what v changes: far from nothing.",
        ),
        *(
            (
                partial(figures.strength_sweep, sweeps=llm["sweeps"], trait=trait),
                "Up to strength 0.5 the prediction is judged (grey: within a factor of two); "
                f"beyond, the picture shows whether it still holds for {trait}.",
            )
            for trait in traits
        ),
    ]
    return [
        {"svg": Markup(figures.svg(figures.on_axes(draw))), "caption": text} for draw, text in drawn
    ]


def _phase_diagrams(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each phase diagram of the toy models with what it shows in words."""
    from markupsafe import Markup

    from identifiability.reporting import diagrams

    found = results["toy"]["diagrams"] if results.get("toy") else []
    return [
        {"svg": Markup(diagrams.phase_diagram(d)), "caption": diagrams.summary(d)} for d in found
    ]


def _dependencies(results: dict[str, Any]) -> Any:
    """The graph of theorems, where all that they rest on is among them."""
    from markupsafe import Markup

    from identifiability.reporting import figures

    theorems = results["proofs"]["theorems"] if results.get("proofs") else []
    present = {entry["id"] for entry in theorems}
    if not theorems or any(set(entry["depends_on"]) - present for entry in theorems):
        return None
    draw = partial(figures.dependency_graph, theorems=theorems)
    return Markup(figures.svg(figures.on_axes(draw), width=8, height=4.6))


def _claim_tables(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Claims of one kind and trait as a table of arms against strengths."""
    llm = results.get("llm")
    if not llm:
        return []
    rows = llm["claims"]
    tables = []
    for claim, trait in _unique((row["claim"], row["trait"]) for row in rows):
        some = [row for row in rows if (row["claim"], row["trait"]) == (claim, trait)]
        strengths = sorted({row["alpha"] for row in some})
        by_place = {(row["arm"], row["alpha"]): row for row in some}
        arms = _unique(row["arm"] for row in some)
        lines = [(arm, [by_place.get((arm, alpha)) for alpha in strengths]) for arm in arms]
        tables.append({"claim": claim, "trait": trait, "strengths": strengths, "lines": lines})
    return tables


def _unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))

"""The HTML page: one file, which loads nothing from anywhere."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

from identifiability.errors import InvalidInput
from identifiability.mathml import mathml
from identifiability.reporting import drawing, gallery, tables
from identifiability.reporting.inline import inline
from identifiability.reporting.template import template

_BROAD = 7.0
"""Inches from which on a picture takes the whole width, and on a phone scrolls in its own box."""


def render(results: dict[str, Any]) -> str:
    """The page as text, from results as ``build.joined`` gives them."""
    filters = (formula, number, interval, spaced, verdict_mark)
    folder = files("identifiability.reporting")
    llm = results["llm"]
    return template("identifiability.reporting", "report.html", filters).render(
        results=results,
        style=(folder / "report.css").read_text(encoding="utf-8"),
        script=(folder / "report.js").read_text(encoding="utf-8"),
        theorem_figures=shown(gallery.theorem_pictures(results)),
        toy_figures=shown(gallery.toy_pictures(results)),
        llm_figures=shown(gallery.transformer_pictures(llm) if llm else []),
        audit_figures={
            name: shown(gallery.audit_pictures(name, audit))
            for name, audit in results["audits"].items()
        },
        summary=tables.summary(llm) if llm else [],
        claims=tables.claims(llm) if llm else [],
        recoveries=tables.recoveries(results["toy"]) if results["toy"] else [],
    )


def shown(pictures: list[drawing.Picture]) -> list[dict[str, Any]]:
    """Pictures as elements of the page."""
    return [
        {
            "svg": inline(p),
            "title": p.title,
            "caption": p.caption,
            "broad": p.width > _BROAD,
            "width": 72 * p.width,
            "ratio": p.width / p.height,
        }
        for p in pictures
    ]


def formula(latex: str) -> Any:
    """A formula of a theorem on a line of its own; one that cannot be typeset, as it was written.

    Theorems may come from elsewhere, and one of their formulas is no reason to show nothing.
    """
    from markupsafe import Markup

    try:
        return Markup(mathml(latex, display=True))
    except InvalidInput:
        return Markup("<pre>{}</pre>").format(latex)


def number(value: float | None, digits: int = 3) -> str:
    """A number for reading; a missing one is a dash."""
    if value is None:
        return "–"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def interval(ends: list[float | None] | None, digits: int = 3) -> str:
    """An interval in brackets; nothing for a missing one."""
    return "" if ends is None else f"[{', '.join(number(end, digits) for end in ends)}]"


def spaced(name: str) -> str:
    """A name of the results as words."""
    return name.replace("epsilon_", "ε-").replace("non_", "non-").replace("_", " ")


def verdict_mark(verdict: str) -> str:
    """A sign beside the word, for those who do not tell the colours apart."""
    return {"confirmed": "✓", "refuted": "✗", "inconclusive": "?"}.get(verdict, "")

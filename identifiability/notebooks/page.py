"""An executed notebook as one HTML page that loads nothing from anywhere.

Formulas become MathML, which browsers render without a script, pictures are inside the page, and
the style is that of the report.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from identifiability.mathml import mathml
from identifiability.notebooks.build import INJECTED
from identifiability.reporting.template import template
from identifiability.results import version

_UNDESCRIBED = "Figure drawn by the code above."
# Of pygments; both have the contrast that small text needs.
_LIGHT, _DARK = "default", "github-dark"


def page(notebook: Any) -> str:
    """The page as text, from a notebook that was executed."""
    report = files("identifiability.reporting") / "report.css"
    return template("identifiability.notebooks", "page.html").render(
        title=_title(notebook),
        style=report.read_text(encoding="utf-8"),
        light=_code_style(_LIGHT),
        dark=_code_style(_DARK),
        cells=[_cell(cell) for cell in notebook.cells],
        version=version(),
    )


def markdown(text: str) -> Any:
    """Markdown with formulas as HTML with MathML."""
    from markupsafe import Markup
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def inline_math(self, body: str) -> str:
            return mathml(body, display=False)

        def block_math(self, body: str) -> str:
            return mathml(body, display=True)

        def latex_environment(self, name: str, body: str) -> str:
            return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)

    renderer = Renderer(escape=False, exclude_anchor_links=True)
    return Markup(MarkdownWithMath(renderer=renderer).render(text))


def _title(notebook: Any) -> str:
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = (re.match(r"#\s+(.+)", text) for text in texts)
    return next((found[1] for found in headings if found), "Notebook")


def _cell(cell: Any) -> dict[str, Any]:
    if cell.cell_type == "markdown":
        return {"text": markdown(cell.source)}
    if cell.cell_type != "code":
        return {"text": cell.source}
    described = cell.metadata.get("alt", _UNDESCRIBED)
    injected = INJECTED in cell.metadata.get("tags", [])
    shown = [_output(output, described) for output in cell.outputs]
    return {"code": _highlighted(cell.source), "outputs": shown, "injected": injected}


def _output(output: Any, described: str) -> dict[str, Any]:
    """The richest form of an output that a page can hold."""
    from markupsafe import Markup

    if output.output_type == "stream":
        return {"print": output.text.rstrip("\n"), "name": output.name}
    if output.output_type == "error":  # of a cell that is tagged to raise
        return {"print": f"{output.ename}: {output.evalue}", "name": "stderr"}
    data = output.data
    if "image/png" in data:
        size = output.metadata.get("image/png", {})
        return {"image": "".join(data["image/png"].split()), "alt": described, "size": size}
    if "text/html" in data:
        return {"table": Markup(data["text/html"])}
    return {"print": data.get("text/plain", ""), "name": "stdout"}


def _highlighted(source: str) -> Any:
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)))


def _code_style(name: str) -> str:
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter(style=name).get_style_defs(".code")
    return "\n".join(rule for rule in rules.splitlines() if rule.startswith(".code ."))

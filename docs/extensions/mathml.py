"""Sphinx draws formulas as the report and the notebooks do: as MathML, without a script."""

from __future__ import annotations

from typing import Any

from docutils import nodes

from identifiability.mathml import mathml


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), display=False))
    raise nodes.SkipNode


def _display(self: Any, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    for line in _lines(node.astext()):
        self.body.append(mathml(line, display=True))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _lines(latex: str) -> list[str]:
    """Formulas of one block: an empty line separates two, as in Sphinx's own renderers.

    One of several rows is aligned at its ``&``, as there.
    """
    parts = [part.strip() for part in latex.split("\n\n") if part.strip()]
    return [rf"\begin{{align*}}{p}\end{{align*}}" if r"\\" in p else p for p in parts]


def setup(app: Any) -> dict[str, Any]:
    """Register the renderer under the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_display, None)
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

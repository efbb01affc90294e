"""Formulas as MathML, which browsers draw themselves: no script, no picture, no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def mathml(latex: str, *, display: bool) -> str:
    """One formula as a ``<math>`` element that carries its LaTeX as its label.

    Raises
    ------
    ExtensionError
        If something in it is not understood: the converter leaves such a command as it stands.
    """
    markup = convert(latex, display="block" if display else "inline")
    if "\\" in markup:
        raise ExtensionError(f"no MathML for a command in the formula {latex!r}")
    return markup


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
    """Formulas of one block: an empty line separates two, as in Sphinx's own renderers."""
    return [part.strip() for part in latex.split("\n\n") if part.strip()]


def setup(app: Any) -> dict[str, Any]:
    """Register the renderer under the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_display, None)
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Formulas as MathML, which browsers draw themselves: no script, no picture, no network.

The report, the executed notebooks and the documentation all take them from here.
"""

from __future__ import annotations

from xml.etree import ElementTree

from identifiability.errors import InvalidInput


def mathml(latex: str, *, display: bool) -> str:
    """One formula as a ``math`` element.

    Parameters
    ----------
    latex
        Without dollars.
    display
        On a line of its own, not within a sentence.

    Raises
    ------
    InvalidInput
        If something in it is not understood. The converter (latex2mathml) stops at some mistakes,
        leaves a command that it does not know as it stands, and ``&`` and ``<`` in a text, which
        would break the page.
    """
    import latex2mathml.exceptions
    from latex2mathml.converter import convert

    own = vars(latex2mathml.exceptions).values()
    mistakes = tuple(one for one in own if isinstance(one, type) and issubclass(one, Exception))
    try:
        markup = convert(latex.strip(), display="block" if display else "inline")
        ElementTree.fromstring(markup)
    except (*mistakes, ElementTree.ParseError) as error:
        what = type(error).__name__.removesuffix("Error")
        raise _not_understood(latex, f" ({what})") from error
    if "\\" in markup:
        raise _not_understood(latex, "")
    return markup


def _not_understood(latex: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"a formula must have commands that MathML knows, got {latex!r}{why}; write it otherwise"
    )

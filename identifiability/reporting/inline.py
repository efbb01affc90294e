"""A picture as an element of the page: its greys follow the page, and nothing in it is idle.

matplotlib writes for every reader of SVG. In a page a browser lays out all of it before anything is
shown, and a third of what it writes says nothing there: names that nothing refers to, groups that
hold one thing, a style sheet for each picture that browsers then match against the whole page, and
copies (``use``) of marks, each of which becomes a tree of its own.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from identifiability.reporting import drawing

# The greys of the figures, which follow the page into the dark.
THEMED = {
    drawing.INK: "var(--ink)",
    drawing.SOFT: "var(--soft)",
    drawing.GRID: "var(--line)",
    drawing.BAND: "var(--band)",
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
}
DIGITS = 3
"""Of the coordinates of paths, in points: with two, edges of some pixels change visibly."""

_NUMBER = re.compile(r"-?\d+\.\d+(?![\d.]|e)")
_REFERENCE = re.compile(r"(?:url\(#|^#)([^)]+)")
# The page's own style sheet names the font once, in the same order.
_FONT = re.compile(r"font-family: 'DejaVu Sans'[^;]*;? ?")
_TURNED_BY_NOTHING = re.compile(r"rotate\(-?0 [^)]*\)")
_STEP = re.compile(r"([MLCQ])((?:\s*-?[\d.]+)+)|z", re.IGNORECASE)


def inline(picture: drawing.Picture) -> Any:
    """A picture's SVG for the page."""
    from markupsafe import Markup

    text = picture.svg()
    if picture.themed:
        for colour, name in THEMED.items():
            text = text.replace(colour, name)
    root = ElementTree.fromstring(text)
    _without_namespaces(root)
    if picture.themed:
        root.set("class", "themed")
    parents = {child: parent for parent in root.iter() for child in parent}
    for sheet in list(root.iter("style")):
        parents[sheet].remove(sheet)
    _copies_drawn(root)
    _unnamed(root)
    _unwrapped(root)
    for element in root.iter():
        _shortened(element)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _without_namespaces(root: Element) -> None:
    """HTML knows what is in an ``svg`` element without being told."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in [name for name in element.attrib if "}" in name]:
            element.set(name.rpartition("}")[2], element.attrib.pop(name))


def _copies_drawn(root: Element) -> None:
    """Each copy of a path as a path at its place."""
    paths = {f"#{path.get('id')}": path for path in root.iter("path") if path.get("id")}
    for copy in root.iter("use"):
        original = paths.get(copy.get("href", ""))
        if original is None:
            continue
        steps = _moved(original.attrib["d"], float(copy.get("x", 0)), float(copy.get("y", 0)))
        if steps is None:
            continue
        for name in ("href", "x", "y"):
            copy.attrib.pop(name, None)
        copy.tag = "path"
        copy.set("d", steps)
        # A path inherits what its copy says: its own style is stronger.
        copy.set("style", _joined(copy.get("style", ""), original.get("style", "")))


def _joined(*styles: str) -> str:
    """Rules of several styles, of which the later ones hold."""
    rules = [rule.partition(":") for style in styles for rule in style.split(";") if rule.strip()]
    return "; ".join(f"{k}: {v}" for k, v in {k.strip(): v.strip() for k, _, v in rules}.items())


def _moved(path: str, x: float, y: float) -> str | None:
    """A path of absolute steps, moved; nothing for one of other steps."""
    if _STEP.sub("", path).strip() or re.search("[mlcq]", path):
        return None
    moved = []
    for step in _STEP.finditer(path):
        numbers = [float(n) for n in (step[2] or "").split()]
        shifted = [f"{n + (y if i % 2 else x):.6f}" for i, n in enumerate(numbers)]
        moved.append(f"{step[0][0]} {' '.join(shifted)}".strip())
    return " ".join(moved)


def _unnamed(root: Element) -> None:
    """Names are kept where something refers to them; definitions that nothing uses are not."""
    used = {
        name
        for element in root.iter()
        for value in element.attrib.values()
        for name in _REFERENCE.findall(value)
    } | {root.get("aria-describedby")}
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    for parent in list(root.iter()):
        if parent.tag == "defs":
            for child in [child for child in parent if child.get("id") is None]:
                parent.remove(child)


def _unwrapped(element: Element) -> None:
    """Without groups and definitions that are empty, or say nothing of what they hold."""
    kept: list[Element] = []
    for child in list(element):
        _unwrapped(child)
        element.remove(child)
        idle = child.tag == "g" and not child.attrib
        empty = child.tag in ("g", "defs") and not len(child)
        kept += list(child) if idle else [] if empty else [child]
    element.extend(kept)


def _shortened(element: Element) -> None:
    if element.tag not in ("text", "tspan", "title", "desc"):
        element.text = None
    if element.tag == "text" and len(element):
        element.text = None  # line breaks around parts that have their own places
    element.tail = None
    for name, value in list(element.attrib.items()):
        if name == "d":  # text and images are drawn pixel by pixel and stay where they are
            element.set(name, " ".join(_NUMBER.sub(_rounded, value).split()))
        elif name == "style" and (style := _FONT.sub("", value).strip("; ")):
            element.set(name, style)
        elif name == "style" or (name == "transform" and _TURNED_BY_NOTHING.fullmatch(value)):
            del element.attrib[name]


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.{DIGITS}f}".rstrip("0").rstrip(".")

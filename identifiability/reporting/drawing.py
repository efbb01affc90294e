"""One picture: what it is called, what it says in words, and its bytes in the usual formats."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from zlib import crc32

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = str(files("identifiability.reporting") / "style.mplstyle")
INK, SOFT, GRID, BAND = "#222222", "#555555", "#e6e6e6", "#ebebeb"
"""The greys of every figure; the page maps these, and no others, to its own in the dark."""

Fill = Callable[[Figure], None]

# Dates and versions would make equal results unequal files.
_METADATA = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
FORMATS = tuple(_METADATA)
_LONGEST = 100  # letters of a file's name: far below what any file system takes


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name
        Of its file and of its place in the page; other characters than those of a plain name are
        replaced.
    title, caption
        What it is, and what it shows in words for those who do not see it.
    fill
        Draws it on an empty figure.
    width, height
        In inches.
    themed
        Whether its greys may follow the page into the dark; not where they carry data.
    """

    name: str
    title: str
    caption: str
    fill: Fill
    width: float = 6.0
    height: float = 3.8
    themed: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", plain_name(self.name))

    def svg(self) -> str:
        """The SVG element, with its text alternative."""
        text = self.written("svg").decode()
        return text[text.index("<svg") :]

    def written(self, kind: str) -> bytes:
        """The file in one of ``FORMATS``, the same bytes for the same results."""
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=(self.width, self.height))
            self.fill(figure)
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, metadata=_METADATA[kind], dpi=200)
        if kind != "svg":
            return stream.getvalue()
        return _described(stream.getvalue().decode(), self).encode()


def plain_name(name: str) -> str:
    """A name that can be that of a file anywhere; different for different names.

    Names of figures come from results, which anyone may have written: a claim called
    ``../../index`` is to stay in its folder.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:_LONGEST]
    return name if name and plain == name else f"{plain}_{crc32(name.encode(errors='replace')):08x}"


def _described(text: str, picture: Picture) -> str:
    """With a title and a description, and names of parts that are unique in a page of pictures."""
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    name = picture.name
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    words = (
        f'<title id="{name}-title">{escape(picture.title)}</title>'
        f'<desc id="{name}-words">{escape(picture.caption)}</desc>'
    )
    opening = (
        f'<svg role="img" aria-label="{escape(picture.title)}" aria-describedby="{name}-words"'
    )
    text = text.replace("<svg", opening, 1)
    end = text.index(">", text.index("<svg")) + 1
    return text[:end] + words + text[end:]


def on_axes(draw: Callable[[Axes], None]) -> Fill:
    """A figure that is one pair of axes."""
    return lambda figure: draw(figure.subplots())


def panels(
    draws: Sequence[Callable[[Axes], None]], columns: int = 2, *, share: bool = True
) -> Fill:
    """A figure of several axes in rows of so many, on the same scales if shared."""

    def fill(figure: Figure) -> None:
        rows = -(-len(draws) // columns)
        width = min(columns, len(draws))
        places = figure.subplots(rows, width, squeeze=False, sharex=share, sharey=share).flat
        for place, draw in zip(places, draws, strict=False):
            draw(place)
        for empty in figure.axes[len(draws) :]:
            empty.set_visible(False)

    return fill


def panel_size(count: int, columns: int = 2, height: float = 3.6) -> tuple[float, float]:
    """Width and height in inches that so many panels need."""
    rows = -(-count // columns)
    return (6.0 if min(columns, count) == 1 else 4.6 * min(columns, count)), height * rows

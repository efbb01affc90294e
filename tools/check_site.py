"""Reads a built site: each link inside it must arrive, and no page may load from elsewhere.

Sphinx checks references in the sources; this checks what was written, the theme's parts included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes from which a browser fetches by itself; a link is followed by a reader only.
_LOADING = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data"}
_LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "preconnect"}


@dataclass
class Page(HTMLParser):
    """What one page offers and asks for."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the anchors, links and loads of one element."""
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and _LOADING_LINKS & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag in _LOADING and _LOADING[tag] in given:
            self.loads.append(given[_LOADING[tag]])


def problems(site: Path) -> list[str]:
    """One sentence for each broken link and each load from the network, in the order of files."""
    site = site.resolve()
    # What lies in _static are the theme's files, a template among them.
    theme = site / "_static"
    written = [path for path in sorted(site.rglob("*.html")) if theme not in path.parents]
    pages = {path: _read(path) for path in written}
    if not pages:
        return [f"{site} holds no page"]
    found = [text for path in pages for text in _of_page(path, pages, site)]
    found += [text for path in sorted(site.rglob("*.css")) for text in _of_style(path, site)]
    return found


def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _of_page(path: Path, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    name = path.relative_to(site)
    for load in pages[path].loads:
        if _is_remote(load):
            yield f"{name} loads {load} from the network; keep a copy beside the pages"
        elif not load.startswith("data:") and not _target(path, load)[0].is_file():
            yield f"{name} loads {load}, which is not there"
    for link in dict.fromkeys(pages[path].links):
        if _is_remote(link) or link.startswith("mailto:"):
            continue
        target, anchor = _target(path, link)
        if not target.is_file():
            yield f"{name} links to {link}, which is not there"
        elif anchor and target in pages and anchor not in pages[target].anchors:
            yield f"{name} links to {link}, and that page has no such place"


def _of_style(path: Path, site: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    for opening in (
        "url(http",
        "url(//",
        'url("http',
        "url('http",
        '@import "http',
        "@import 'http",
    ):
        if opening in text:
            yield f"{path.relative_to(site)} loads from the network ({opening}…)"


def _is_remote(reference: str) -> bool:
    return reference.startswith("//") or urlsplit(reference).scheme in ("http", "https")


def _target(path: Path, reference: str) -> tuple[Path, str]:
    parts = urlsplit(reference)
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)

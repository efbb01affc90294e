"""What a tool writes into a page: the text between two markers, and nothing else of it."""

from __future__ import annotations

from pathlib import Path


def replace_block(path: Path, start: str, end: str, block: str) -> None:
    """Put ``block`` between the two markers, each of which the file must hold once."""
    text = path.read_text(encoding="utf-8")
    if text.count(start) != 1 or text.count(end) != 1:
        raise SystemExit(f"{path} must hold {start!r} and {end!r} once each")
    head, rest = text.split(start)
    tail = rest.split(end)[1]
    path.write_text(f"{head}{start}\n{block}\n{end}{tail}", encoding="utf-8")

"""Rows by what they agree in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def groups(rows: Iterable[dict[str, Any]], *keys: str) -> dict[tuple[Any, ...], list[Any]]:
    """Rows that agree in some keys, in their order."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found

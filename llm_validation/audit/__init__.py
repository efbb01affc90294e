"""Is *this* steering vector identifiable? Verdict, witness, representative, and ways out.

``from llm_validation.audit import audit``. Loaded on first use: a worker that measures a cell
needs none of what draws the answer together.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_validation.audit.answer import Audit
    from llm_validation.audit.auditing import audit

_HOME = {"Audit": "answer", "audit": "auditing"}

__all__ = ["Audit", "audit"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

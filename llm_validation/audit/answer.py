"""The answer of an audit: what it found, as a screen and as results."""

from __future__ import annotations

from typing import Any

from llm_validation.audit.document import document
from llm_validation.audit.record import AuditRecord
from llm_validation.audit.screen import screen


class Audit(AuditRecord):
    """What ``audit`` returns: an ``AuditRecord`` whose ``str`` is the screen."""

    def __str__(self) -> str:
        return screen(self)

    def to_dict(self) -> dict[str, Any]:
        """What goes into results.json: plain, as in docs/interfaces.md."""
        return document(self)

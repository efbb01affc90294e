"""Docstrings write mathematics as text: ``|cosine|`` and ``y_+`` are no reStructuredText names.

reStructuredText would look for a substitution called "cosine" and a link called "y". Nothing in
this documentation defines either, so bars and subscripts are taken for what they are.
"""

from __future__ import annotations

import re
from typing import Any

from docutils.parsers.rst.states import Inliner


def _plain(self: Inliner, match: re.Match[str], line: int) -> tuple[str, list[Any], str, list[Any]]:
    """What was matched as text; what follows it is parsed on as usual."""
    after = match.end("start") if match["start"] else match.end("whole")
    return match.string[:after], [], match.string[after:], []


def setup(app: Any) -> dict[str, Any]:
    """Replace docutils' own reading of both."""
    dispatch: dict[str, Any] = {**Inliner.dispatch, "|": _plain, "_": _plain}
    Inliner.dispatch = dispatch
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""A class shows the members that this project defines, in whichever of its bases.

Methods inherited from scikit-learn, scipy or Python have pages of their own elsewhere.
"""

from __future__ import annotations

from typing import Any

PACKAGES = ("identifiability", "proofs", "toy_models", "llm_validation")


def is_foreign(member: Any) -> bool:
    """Whether a method or property was written outside of this project."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    function = getattr(function, "__func__", function)
    if not (callable(function) or hasattr(function, "__objclass__")):
        return False  # data: an attribute or a member of an enumeration
    module = getattr(function, "__module__", None) or ""
    return module.split(".")[0] not in PACKAGES


def _skip(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    return True if what == "class" and is_foreign(member) else None


def setup(app: Any) -> dict[str, Any]:
    """Register the filter."""
    app.connect("autodoc-skip-member", _skip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

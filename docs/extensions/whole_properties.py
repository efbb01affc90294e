"""A property's docstring is a sentence, also where it has a colon.

Napoleon reads "Dimension of the class: of the kernel" as a type and its description, as Google's
convention has it for attributes. Ours are sentences, with sections as any other docstring.
"""

from __future__ import annotations

from typing import Any

from sphinx.ext.napoleon.docstring import GoogleDocstring


def _as_a_method(self: Any) -> list[str]:
    self._what = "method"
    self._parse()
    return []


def setup(app: Any) -> dict[str, Any]:
    """Replace Napoleon's reading."""
    GoogleDocstring._parse_attribute_docstring = _as_a_method
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""From percent-format lessons to executed notebooks and pages."""

from identifiability.notebooks.command import lessons

__all__ = ["lessons"]

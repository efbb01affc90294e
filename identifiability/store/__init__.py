"""Resumable results: one SQLite file per output directory, a cell committed as it finishes."""

from identifiability.store.store import Store

__all__ = ["Store"]

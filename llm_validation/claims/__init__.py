"""Claims about a transformer, one a file: ``predict`` first, ``measure`` second, then a verdict."""

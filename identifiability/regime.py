"""Regimes of theory.md, in the words of reports: what is known, and what is read."""

SINGLE_LAYER = "white box, single layer"
SEVERAL_ENVIRONMENTS = "white box, single layer, several environments"
MULTI_LAYER = "white box, multi-layer"

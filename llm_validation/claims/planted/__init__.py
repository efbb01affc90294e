"""Planted vectors: linear blocks, and the rungs of the ladder."""

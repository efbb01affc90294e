"""The null space of the outputs: exact ranks, dimensions, probes."""

"""Activations as a mixture of sources: agreement of halves, dependence."""

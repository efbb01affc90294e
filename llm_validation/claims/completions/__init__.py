"""Scores of completions: effects, their gate, slopes and sweeps."""

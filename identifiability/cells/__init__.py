"""Independent cells of work, each with a key and a seed, run locally or on a cluster."""

from identifiability.cell import Cell
from identifiability.cells.run import Results, run_cells

__all__ = ["Cell", "Results", "run_cells"]

r"""Generic rank of reads through a stack of layers: the most vertex-disjoint paths.

Vertices are ("state", k, i), coordinate i of layer k, and ("read", k, r), row r of the read at
layer k; an entry of a pattern is an edge from its column to its row. For almost all entries on the
patterns the rank of [C_0; C_1 Phi_0; ...] is the largest number of paths from coordinates of layer
0 to reads that share no vertex (Lindström 1973, doi:10.1112/blms/5.1.85; Gessel & Viennot 1985,
doi:10.1016/0001-8708(85)90121-5; theory.md R4). Entries that depend on each other can only have a
lower rank: Phi = I with the same read at every layer has rank 1, whatever the paths say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput

Pattern = np.ndarray  # (rows, columns), bool: where entries may differ from zero
Vertex = tuple[str, int, int]
Edge = tuple[Vertex, Vertex]


def edges(transports: Sequence[Pattern], reads: Sequence[Pattern]) -> list[Edge]:
    """Of all layers; transports (d_{k+1}, d_k), reads (m_k, d_k)."""
    found: list[Edge] = []
    for k, pattern in enumerate(transports):
        found += [(("state", k, i), ("state", k + 1, j)) for j, i in np.argwhere(pattern).tolist()]
    for k, pattern in enumerate(reads):
        found += [(("state", k, i), ("read", k, r)) for r, i in np.argwhere(pattern).tolist()]
    return found


def most_disjoint_paths(transports: Sequence[Pattern], reads: Sequence[Pattern]) -> int:
    """Most paths from layer 0 to reads without a common vertex: a maximum flow (Menger).

    Parameters
    ----------
    transports
        K patterns (d_{k+1}, d_k); numbers count as present where they are not zero.
    reads
        K + 1 patterns (m_k, d_k); m_k may be 0.

    Raises
    ------
    InvalidInput
        If the number or the widths of the layers do not fit together.

    Examples
    --------
    >>> hub, full = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]]), np.ones((3, 3))
    >>> nothing = np.ones((0, 3))
    >>> most_disjoint_paths([full], [nothing, full]), most_disjoint_paths([hub], [nothing, full])
    (3, 1)
    """
    import networkx as nx
    from networkx.algorithms.flow import edmonds_karp

    patterns = [np.asarray(p) != 0 for p in transports]
    seen = [np.asarray(p) != 0 for p in reads]
    _check(patterns, seen)
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(["below", "above"])
    for k, pattern in enumerate(seen):
        for i in range(pattern.shape[1]):
            graph.add_edge(("in", "state", k, i), ("out", "state", k, i), capacity=1)
            if k == 0:
                graph.add_edge("below", ("in", "state", 0, i), capacity=1)
        for r in range(pattern.shape[0]):
            graph.add_edge(("in", "read", k, r), "above", capacity=1)
        _join(graph, pattern, k, ("read", k))
    for k, pattern in enumerate(patterns):
        _join(graph, pattern, k, ("state", k + 1))
    # One search through the graph for each path, of which there are at most d.
    return int(nx.maximum_flow_value(graph, "below", "above", flow_func=edmonds_karp))


def _join(graph: Any, pattern: Pattern, layer: int, target: tuple[str, int]) -> None:
    """Edges from the coordinates of a layer to what reads them; vertices carry the capacities.

    All d_k d_{k+1} edges of a full pattern go through one unlimited hub: the same flows, with
    d_k + d_{k+1} edges.
    """
    rows, columns = pattern.shape
    starts = [("out", "state", layer, i) for i in range(columns)]
    ends = [("in", *target, j) for j in range(rows)]
    if pattern.all() and rows > 0:
        hub = ("hub", layer, *target)
        graph.add_edges_from((start, hub) for start in starts)
        graph.add_edges_from((hub, end) for end in ends)
        return
    graph.add_edges_from((starts[i], ends[j]) for j, i in np.argwhere(pattern).tolist())


def _check(transports: Sequence[Pattern], reads: Sequence[Pattern]) -> None:
    if len(reads) != len(transports) + 1:
        raise InvalidInput(
            f"reads must be one more than transports, got {len(reads)} for {len(transports)}; "
            "give a layer where nothing is read a pattern without rows"
        )
    if any(pattern.ndim != 2 for pattern in (*transports, *reads)):
        raise InvalidInput("patterns must be (rows, columns), one matrix for each layer")
    widths = [pattern.shape[1] for pattern in reads]
    for k, pattern in enumerate(transports):
        if pattern.shape != (widths[k + 1], widths[k]):
            raise InvalidInput(
                f"transports[{k}] must be ({widths[k + 1]}, {widths[k]}), from the width of "
                f"reads[{k}] to that of reads[{k + 1}], got {pattern.shape}"
            )

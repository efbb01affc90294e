"""Paths through the sparsity patterns of a stack of layers, from coordinates of layer 0 to reads.

Vertices are ("state", k, i), coordinate i of layer k, and ("read", k, r), row r of the read at
layer k; an entry of a pattern is an edge from its column to its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations

import numpy as np

Pattern = np.ndarray  # (rows, columns), bool
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


def most_disjoint_paths(
    transports: Sequence[Pattern], reads: Sequence[Pattern], *, share_vertices: bool = False
) -> int:
    """Most paths from layer 0 to reads without a common vertex: a maximum flow (Menger).

    With ``share_vertices`` inner vertices may be shared and only edges may not.
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(["above", "below"])
    for start, end in edges(transports, reads):
        graph.add_edge((start, "out"), (end, "in"), capacity=1)
        for vertex in (start, end):
            once = not share_vertices or vertex[0] == "read" or vertex[1] == 0
            # An edge without capacity lets any flow through.
            graph.add_edge((vertex, "in"), (vertex, "out"), **({"capacity": 1} if once else {}))
            if vertex[:2] == ("state", 0):
                graph.add_edge("below", (vertex, "in"), capacity=1)
            if vertex[0] == "read":
                graph.add_edge((vertex, "out"), "above", capacity=1)
    return int(nx.maximum_flow_value(graph, "below", "above"))


def disjoint_path_systems(
    transports: Sequence[Pattern],
    reads: Sequence[Pattern],
    coordinates: Sequence[int],
    rows: Sequence[tuple[int, int]],
) -> Iterator[tuple[int, list[Edge]]]:
    """Every way to join these coordinates of layer 0 to these reads (k, r) by disjoint paths.

    Yields
    ------
    The sign of the permutation by which coordinates and reads are joined, and the edges used.
    """
    leaving: dict[Vertex, list[Vertex]] = {}
    for start, end in edges(transports, reads):
        leaving.setdefault(start, []).append(end)

    def paths(vertex: Vertex, target: Vertex) -> Iterator[list[Vertex]]:
        if vertex == target:
            yield [vertex]
        for following in leaving.get(vertex, []):
            for rest in paths(following, target):
                yield [vertex, *rest]

    def systems(joined: list[tuple[Vertex, Vertex]], used: set[Vertex]) -> Iterator[list[Edge]]:
        if not joined:
            yield []
            return
        (start, target), *others = joined
        for path in paths(start, target):
            if used.isdisjoint(path):
                steps = list(pairwise(path))
                for rest in systems(others, used | set(path)):
                    yield steps + rest

    for order in permutations(range(len(rows))):
        swaps = sum(order[a] > order[b] for b in range(len(order)) for a in range(b))
        ends: list[Vertex] = [("read", *rows[target]) for target in order]
        starts: list[Vertex] = [("state", 0, i) for i in coordinates]
        for system in systems(list(zip(starts, ends, strict=True)), set()):
            yield (-1) ** swaps, system

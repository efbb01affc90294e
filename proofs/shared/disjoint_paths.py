"""Paths through the sparsity patterns of a stack of layers, enumerated.

The largest number of vertex-disjoint paths is the core's (``identifiability.disjoint_paths``);
here are the systems of paths themselves, which the Lindström-Gessel-Viennot lemma sums over, and
the count that it is easily mistaken for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations

from identifiability.disjoint_paths import Edge, Pattern, Vertex, edges


def most_edge_disjoint_paths(transports: Sequence[Pattern], reads: Sequence[Pattern]) -> int:
    """Most paths of which no two share an entry; they may share coordinates inside the stack."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(["above", "below"])
    for start, end in edges(transports, reads):
        graph.add_edge(start, end, capacity=1)
        if start[1] == 0:
            graph.add_edge("below", start, capacity=1)
        if end[0] == "read":
            graph.add_edge(end, "above", capacity=1)
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

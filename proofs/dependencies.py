"""What rests on what: theorems, and the assumptions that each of them needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identifiability.errors import InvalidInput
from proofs.theorem import Theorem

if TYPE_CHECKING:
    import networkx as nx


def dependency_graph(theorems: dict[str, Theorem]) -> nx.DiGraph:
    """Edges lead from a theorem to what it rests on: other theorems, and its assumptions.

    Theorem nodes are identifiers (``kind`` "theorem"), assumption nodes ``"ID: name"``
    (``kind`` "assumption").

    Raises
    ------
    InvalidInput
        If a theorem rests on one that does not exist, or, by whatever way round, on itself.
    """
    import networkx as nx

    graph = nx.DiGraph()
    for theorem in theorems.values():
        graph.add_node(theorem.id, kind="theorem", text=theorem.title)
        for assumption in theorem.assumptions:
            node = f"{theorem.id}: {assumption.name}"
            graph.add_node(node, kind="assumption", text=assumption.statement)
            graph.add_edge(theorem.id, node)
        for needed in theorem.depends_on:
            if needed not in theorems:
                raise InvalidInput(
                    f"theorem {theorem.id} depends on {needed!r}, which does not exist; "
                    "add it or correct depends_on"
                )
            graph.add_edge(theorem.id, needed)
    if not nx.is_directed_acyclic_graph(graph):
        circle = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
        raise InvalidInput(f"theorems rest on each other in a circle: {circle}")
    return graph


def explain(identifier: str, theorems: dict[str, Theorem]) -> str:
    """The chain that a theorem rests on, from the bottom up, each with its assumptions."""
    import networkx as nx

    graph = dependency_graph(theorems)
    chain = [
        node
        for node in reversed(list(nx.topological_sort(graph)))
        if graph.nodes[node]["kind"] == "theorem"
        and (node == identifier or node in nx.descendants(graph, identifier))
    ]
    lines = []
    for node in chain:
        theorem = theorems[node]
        rests = f" (rests on {', '.join(theorem.depends_on)})" if theorem.depends_on else ""
        lines.append(f"{theorem.id} — {theorem.title}{rests}")
        lines += [f"    {a.name}: {a.statement}" for a in theorem.assumptions]
    return "\n".join(lines)

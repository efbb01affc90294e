"""The graph of what rests on what."""

import dataclasses

import networkx as nx
import pytest

from identifiability.errors import InvalidInput
from proofs.dependencies import dependency_graph, explain
from proofs.ledger import ledger


def test_the_ledger_rests_on_itself_nowhere():
    graph = dependency_graph(ledger())
    assert nx.is_directed_acyclic_graph(graph)
    theorems = [n for n, kind in graph.nodes(data="kind") if kind == "theorem"]
    assert set(theorems) == set(ledger())
    assumptions = sum(len(t.assumptions) for t in ledger().values())
    assert len(graph) == len(theorems) + assumptions


def test_an_explanation_goes_from_the_bottom_up_and_no_further():
    text = explain("R2b", ledger())
    order = [line.split(" — ")[0] for line in text.splitlines() if " — " in line]
    assert order == ["N1", "R2a", "R2b"]
    for theorem in (ledger()[name] for name in order):
        assert all(a.statement in text for a in theorem.assumptions)


def test_circles_and_loose_ends_are_refused():
    n1 = ledger()["N1"]
    circle = {
        "A": dataclasses.replace(n1, id="A", depends_on=("B",)),
        "B": dataclasses.replace(n1, id="B", depends_on=("A",)),
    }
    with pytest.raises(InvalidInput, match="in a circle"):
        dependency_graph(circle)
    with pytest.raises(InvalidInput, match="which does not exist"):
        dependency_graph({"A": dataclasses.replace(n1, id="A", depends_on=("B",))})

r"""R4b — the generic rank of cross-layer reads is the number of disjoint paths through the layers.

Transports Phi_k (d, d) and reads C_k (m_k, d) have independent entries on given patterns and zeros
elsewhere; O = [C_0; C_1 Phi_0; ...; C_K Phi_{K-1} ... Phi_0]. Draw an edge from i to j for each
entry (j, i). Then for almost all entries

.. math::
    \operatorname{rank} O = \max \#\{\text{vertex-disjoint paths from layer 0 to reads}\},

a maximum flow. For by Lindström (1973) and Gessel & Viennot (1985) the minor of O with columns A
and rows B is the sum over all systems of vertex-disjoint paths from A to B, signed, of the products
of the entries on them; a system is known from its edges, so the monomials are all different and
nothing cancels. One matrix repeated with one read (Lin 1974): rank d for almost all entries iff
every coordinate reaches a read and the rows of [Phi; C] can be matched to all coordinates.

The symbolic part writes both sides out over symbols for small layered graphs; the lemma holds for
every acyclic graph. With Phi = I and one read at every layer the paths say min(d, K + 1), and the
rank is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

import identifiability
from identifiability.disjoint_paths import Pattern, edges, most_disjoint_paths
from proofs.shared.disjoint_paths import disjoint_path_systems, most_edge_disjoint_paths
from proofs.shared.integer_networks import without_repetition
from proofs.shared.layered_reads import observability
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True, eq=False)
class PatternedLayers:
    """Transports and reads, integers, and the patterns that they are said to have."""

    transports: tuple[np.ndarray, ...]  # Phi_k (d, d), k = 0, ..., K - 1
    reads: tuple[np.ndarray, ...]  # C_k (m_k, d), k = 0, ..., K
    transport_patterns: tuple[Pattern, ...]
    read_patterns: tuple[Pattern, ...]

    @property
    def entries(self) -> list[tuple[np.ndarray, Pattern]]:
        patterns = self.transport_patterns + self.read_patterns
        return list(zip(self.transports + self.reads, patterns, strict=True))

    @property
    def paths(self) -> int:
        return most_disjoint_paths(self.transport_patterns, self.read_patterns)


# --- assumptions --------------------------------------------------------------------------------


def _all_different(i: PatternedLayers) -> bool:
    sizes = np.concatenate([abs(values[pattern]) for values, pattern in i.entries])
    return bool(np.all(sizes != 0)) and len(set(sizes.tolist())) == sizes.size


ASSUMPTIONS = (
    Assumption(
        "independent entries",
        "no entry is 0 or occurs twice, as is almost sure where they have a joint density",
        _all_different,
    ),
    Assumption(
        "no entry beside the pattern",
        "Phi_k and C_k are zero outside their patterns",
        lambda i: not any(values[~pattern].any() for values, pattern in i.entries),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------

_FULL = np.ones((2, 2), bool)
_BAND = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], bool)
_CYCLE = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], bool)
_HUB = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]], bool)

# Name, transports, reads: each minor of largest size is expanded.
_GRAPHS: tuple[tuple[str, list[Pattern], list[Pattern]], ...] = (
    ("two full layers, d = 2", [_FULL, _FULL], [_FULL[:0], _FULL[:1], _FULL]),
    ("band and cycle, d = 3", [_BAND, _BAND | _CYCLE], [_BAND[:1], _BAND[:0], _BAND]),
    ("cycle read once a layer", [_CYCLE, _CYCLE], [_BAND[:1]] * 3),
    ("through one hub, d = 3", [_HUB, _HUB.T], [_BAND[:0], _BAND[:0], _BAND]),
)


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for name, transports, reads in _GRAPHS:
        symbol = {e: sp.Symbol(f"x{n}") for n, e in enumerate(edges(transports, reads))}
        stack = _stack_of(transports, reads, symbol)
        rows = [(k, r) for k, read in enumerate(reads) for r in range(len(read))]
        size = most_disjoint_paths(transports, reads)
        minors, sums, signs_only = [], [], True
        for columns in combinations(range(stack.shape[1]), size):
            for chosen in combinations(range(len(rows)), size):
                minor = stack.extract(list(chosen), list(columns)).det(method="berkowitz")
                terms = _signed_terms(transports, reads, columns, [rows[c] for c in chosen], symbol)
                minors.append(sp.expand(minor))
                sums.append(sp.Add(*terms))
                coefficients = sp.Poly(minor, *symbol.values()).coeffs() if terms else []
                signs_only &= len(coefficients) == len(terms)
                signs_only &= all(abs(c) == 1 for c in coefficients)
        claim = f"{name}: all minors of size {size} are signed sums over disjoint paths"
        yield Identity(claim, sp.Matrix(minors), sp.Matrix(sums))
        yield Identity(f"{name}: every coefficient is +-1, nothing cancels", signs_only, True)
        yield Identity(f"{name}: some minor is not 0", any(m != 0 for m in minors), True)
        claim = f"{name}: all minors of size {size + 1} vanish"
        larger = [
            stack.extract(list(chosen), list(columns)).det(method="berkowitz")
            for columns in combinations(range(stack.shape[1]), size + 1)
            for chosen in combinations(range(len(rows)), size + 1)
        ]
        yield Identity(claim, sp.Matrix([0, *larger]), sp.zeros(len(larger) + 1, 1))

    a, b, c0, c1, e0, e1 = sp.symbols("a b c0 c1 e0 e1")
    diagonal = sp.Matrix([[c0, c1], [e0 * a, e1 * b]]).det()
    yield Identity("Phi = diag(a, b): minor of two paths", diagonal, b * c0 * e1 - a * c1 * e0)
    repeated = diagonal.subs({a: 1, b: 1, e0: c0, e1: c1})
    yield Identity("which is 0 at Phi = I with the same read, for every read", repeated, 0)


def _stack_of(transports: Sequence[Pattern], reads: Sequence[Pattern], weight: dict) -> Any:
    """O over symbols, one for each edge."""
    import sympy as sp

    def matrix(pattern: Pattern, kind: str, layer: int, above: int) -> Any:
        def entry(j: int, i: int) -> Any:
            return weight.get((("state", layer, i), (kind, above, j)), 0)

        return sp.Matrix(*pattern.shape, entry)

    carried, blocks = sp.eye(transports[0].shape[1]), []
    for k, read in enumerate(reads):
        blocks.append(matrix(read, "read", k, k) * carried)
        if k < len(transports):
            carried = matrix(transports[k], "state", k, k + 1) * carried
    return sp.Matrix.vstack(*blocks)


def _signed_terms(
    transports: Sequence[Pattern],
    reads: Sequence[Pattern],
    columns: Sequence[int],
    rows: Sequence[tuple[int, int]],
    weight: dict,
) -> list:
    import sympy as sp

    systems = disjoint_path_systems(transports, reads, columns, rows)
    return [sign * sp.prod([weight[edge] for edge in used]) for sign, used in systems]


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> PatternedLayers:
    """Sparse patterns of up to four layers; not every layer is read."""
    width, layers = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    density = rng.uniform(0.2, 0.6)
    counts = [*rng.integers(0, 3, layers), int(rng.integers(1, 3))]
    transports = [rng.random((width, width)) < density for _ in range(layers)]
    return _filled(transports, [rng.random((int(m), width)) < density for m in counts], rng)


def _filled(
    transports: Sequence[Pattern], reads: Sequence[Pattern], rng: np.random.Generator
) -> PatternedLayers:
    patterns = [*transports, *reads]
    values = without_repetition(rng)(sum(int(p.sum()) for p in patterns))
    parts = np.split(values, np.cumsum([int(p.sum()) for p in patterns])[:-1])
    matrices = [np.zeros(p.shape, object) for p in patterns]
    for matrix, pattern, part in zip(matrices, patterns, parts, strict=True):
        matrix[pattern] = part
    cut = len(transports)
    return PatternedLayers(
        tuple(matrices[:cut]), tuple(matrices[cut:]), tuple(transports), tuple(reads)
    )


def _generic_rank(
    transports: Sequence[Pattern], reads: Sequence[Pattern], *, repeated: bool = False
) -> int:
    """Over a prime field; ``repeated``: the first transport and read stand for all of them."""

    def instance(draw: Callable[[], int], prime: int) -> list[list[int]]:
        def entries(pattern: Pattern) -> np.ndarray:
            values = np.zeros(pattern.shape, object)
            values[pattern] = [draw() for _ in range(int(pattern.sum()))]
            return values

        if repeated:
            one, read = entries(transports[0]), entries(reads[0])
            matrices, shown = [one] * len(transports), [read] * len(reads)
        else:
            matrices, shown = [*map(entries, transports)], [*map(entries, reads)]
        return (observability(matrices, shown) % prime).tolist()

    # Entries of O have degree K + 1 at most.
    rng = np.random.default_rng(0)
    return int(identifiability.generic_rank(instance, degree=len(transports) + 1, rng=rng))


def _almost_all_error(i: PatternedLayers, claimed: int) -> float:
    return abs(claimed - _generic_rank(i.transport_patterns, i.read_patterns))


def _these_error(i: PatternedLayers) -> float:
    return abs(i.paths - int(identifiability.exact_rank(observability(i.transports, i.reads))))


def _lin(transport: Pattern, read: Pattern, *, matched: bool = True) -> bool:
    """Every coordinate reaches a read, and the rows of [Phi; C] match all coordinates."""
    import networkx as nx

    width = len(transport)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(width))
    graph.add_edges_from((i, j) for j, i in np.argwhere(transport).tolist())
    graph.add_edges_from((i, "read") for _, i in np.argwhere(read).tolist())
    reaching = nx.ancestors(graph, "read") if "read" in graph else set()
    if not matched:
        return len(reaching) == width
    # Paths of one step each: coordinates to rows.
    rows = np.vstack([transport, read])
    return len(reaching) == width == most_disjoint_paths([], [rows])


def _repeated_error(i: PatternedLayers, *, matched: bool = True) -> float:
    transport, read = i.transport_patterns[0], i.read_patterns[-1]
    width = len(transport)
    rank = _generic_rank([transport] * (width - 1), [read] * width, repeated=True)
    return abs(float(_lin(transport, read, matched=matched)) - float(rank == width))


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "almost all entries",
        "generic rank O = most vertex-disjoint paths",
        lambda i: _almost_all_error(i, i.paths),
        **_INTEGERS,
    ),
    Conclusion(
        "these entries",
        "rank O of the given entries = most vertex-disjoint paths",
        _these_error,
        **_INTEGERS,
    ),
    Conclusion(
        "repeated matrix",
        "one Phi and one read, d times: generic rank d iff all coordinates reach and are matched",
        _repeated_error,
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _identity_layers(rng: np.random.Generator) -> PatternedLayers:
    same = np.eye(4, dtype=int).astype(object)
    read = np.array([[3, 5, 7, 11]], object)
    return PatternedLayers((same,) * 3, (read,) * 4, (same == 1,) * 3, (read != 0,) * 4)


def _residual_left_out(rng: np.random.Generator) -> PatternedLayers:
    pattern = np.zeros((4, 4), bool)
    pattern[0] = True  # all writes go to one coordinate
    counted = _filled([pattern] * 2, [pattern[:0], pattern[:0], np.eye(4, dtype=bool)], rng)
    residual = np.diag([0, 2003, 2011, 2017]).astype(object)
    transports = tuple(t + (k + 1) * residual for k, t in enumerate(counted.transports))
    return PatternedLayers(
        transports, counted.reads, counted.transport_patterns, counted.read_patterns
    )


COUNTEREXAMPLES = (
    Counterexample(
        "independent entries",
        _identity_layers,
        breaks="these entries",
        story="Phi = I and the read (3, 5, 7, 11) at layers 0 to 3: four disjoint paths, rank 1",
    ),
    Counterexample(
        "no entry beside the pattern",
        _residual_left_out,
        breaks="these entries",
        story="the layers' writes go to one coordinate, so one path; the residual connection, left "
        "out of the pattern, carries the other three",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _hub(rng: np.random.Generator) -> PatternedLayers:
    return _filled([_HUB, _HUB.T], [_BAND[:0], _BAND[:0], _BAND], rng)


def _missing_each_other(rng: np.random.Generator) -> PatternedLayers:
    first, second = np.diag([True, True, False]), np.diag([False, True, True])
    return _filled([first, second], [_BAND[:0], _BAND[:0], np.eye(3, dtype=bool)], rng)


def _leaves_of_one(rng: np.random.Generator) -> PatternedLayers:
    return _filled([_HUB], [_HUB[:0], _HUB[:1]], rng)


def _least_matching(i: PatternedLayers) -> int:
    return min(most_disjoint_paths([], [p]) for p in (*i.transport_patterns, i.read_patterns[-1]))


FALSE_VARIANTS = (
    FalseVariant(
        "paths may share coordinates, if they share no entry (edge-disjoint)",
        instead_of="almost all entries",
        discrepancy=lambda i: _almost_all_error(
            i, most_edge_disjoint_paths(i.transport_patterns, i.read_patterns)
        ),
        sample=_hub,
    ),
    FalseVariant(
        "the least generic rank among the factors is that of the product",
        instead_of="almost all entries",
        discrepancy=lambda i: _almost_all_error(i, _least_matching(i)),
        sample=_missing_each_other,
    ),
    FalseVariant(
        "each row read adds one until d is reached",
        instead_of="almost all entries",
        discrepancy=lambda i: _almost_all_error(
            i, min(len(i.transports[0]), sum(map(len, i.reads)))
        ),
    ),
    FalseVariant(
        "repeated matrix: it is enough that every coordinate reaches a read",
        instead_of="repeated matrix",
        discrepancy=lambda i: _repeated_error(i, matched=False),
        sample=_leaves_of_one,
    ),
)


THEOREM = Theorem(
    id="R4b",
    name="generic_rank_disjoint_paths",
    title="Generic rank is disjoint paths",
    statement=(
        "If transports and reads have independent entries on given patterns, then for almost all "
        "entries rank O is the largest number of vertex-disjoint paths from coordinates of layer 0 "
        "to reads. For one matrix repeated with one read it is d for almost all entries iff every "
        "coordinate reaches a read and the rows of [Phi; C] match all coordinates."
    ),
    latex=(
        r"\det O_{B,A} = \sum_{\text{disjoint } P: A \to B} \operatorname{sgn}(P) "
        r"\prod_{e \in P} x_e \ \Rightarrow\ \operatorname{rank} O = \text{maximum flow, a.e.}"
    ),
    regime="white box, multi-layer; only the sparsity patterns are used",
    observable="reads C_k of the states at layers 0, ..., K",
    estimand="v at layer 0, for almost all entries",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all entries on the layered graphs listed (the lemma holds for every acyclic graph)",
        _identities,
    ),
    sample=sample,
    oracle="maximum flow (networkx) against rank over a random prime field and over Q",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Lindström 1973, doi:10.1112/blms/5.1.85",
        "Gessel & Viennot 1985, doi:10.1016/0001-8708(85)90121-5",
        "Lin 1974, doi:10.1109/TAC.1974.1100557",
        "theory.md R4",
    ),
    scope=(
        "A count of paths is a statement about independent entries. Weights shared between layers, "
        "or a residual identity counted as free entries, can have a lower rank."
    ),
    depends_on=("R4a",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)

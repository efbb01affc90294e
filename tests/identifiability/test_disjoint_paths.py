"""Disjoint paths: against scipy's maximum flow, and against ranks of random entries."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from identifiability.disjoint_paths import most_disjoint_paths
from identifiability.errors import InvalidInput


@st.composite
def stacks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    widths = rng.integers(1, 6, draw(st.integers(1, 4)))
    density = draw(st.sampled_from([0.2, 0.5, 0.8, 1.0]))
    transports = [rng.random((after, before)) < density for before, after in pairwise(widths)]
    return transports, [rng.random((int(rng.integers(0, 3)), w)) < density for w in widths]


def _by_scipy(transports, reads):
    """Another library, another graph: split vertices numbered, every edge written out."""
    names = {}

    def number(*name):
        return names.setdefault(name, len(names))

    links = []
    for k, read in enumerate(reads):
        for i in range(read.shape[1]):
            links.append((number("in", k, i), number("out", k, i)))
            if k == 0:
                links.append((number("source"), number("in", 0, i)))
        for r, i in np.argwhere(read):
            links.append((number("out", k, i), number("read", k, r)))
        for r in range(len(read)):
            links.append((number("read", k, r), number("sink")))
    for k, transport in enumerate(transports):
        for j, i in np.argwhere(transport):
            links.append((number("out", k, i), number("in", k + 1, j)))
    source, sink = number("source"), number("sink")
    graph = np.zeros((len(names),) * 2, np.int32)
    graph[tuple(np.array(links).T)] = 1
    return maximum_flow(csr_array(graph), source, sink).flow_value


@given(stacks())
@settings(max_examples=80, deadline=None)
def test_against_another_library(stack):
    assert most_disjoint_paths(*stack) == _by_scipy(*stack)


@given(stacks(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_is_the_rank_of_random_entries_over_a_prime_field(stack, seed):
    """Lower than generic with probability below 1e-7 for the prime 2^31 - 1."""
    rng, prime = np.random.default_rng(seed), 2**31 - 1
    transports, reads = (
        [np.where(p, rng.integers(1, prime, p.shape), 0).astype(object) for p in patterns]
        for patterns in stack
    )
    carried, rows = np.eye(reads[0].shape[1], dtype=int).astype(object), []
    for k, read in enumerate(reads):
        rows += (read @ carried % prime).tolist()
        carried = transports[k] @ carried % prime if k < len(transports) else carried
    assert most_disjoint_paths(*stack) == _rank(rows, prime)


def _rank(rows, prime):
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column] % prime), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        inverse = pow(int(rows[rank][column]), -1, prime)
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] * inverse
            pairs = zip(rows[i], rows[rank], strict=True)
            rows[i] = [(a - factor * b) % prime for a, b in pairs]
        rank += 1
    return rank


def test_numbers_are_patterns():
    assert most_disjoint_paths([np.diag([0.0, 2.0])], [np.zeros((0, 2)), np.ones((2, 2))]) == 1


@pytest.mark.parametrize(
    ("transports", "reads", "sentence"),
    [
        ([np.ones((2, 2))], [np.ones((1, 2))], "one more than transports, got 1 for 1"),
        ([np.ones((3, 2))], [np.ones((1, 2))] * 2, r"transports\[0\] must be \(2, 2\)"),
        ([], [np.ones(2)], r"patterns must be \(rows, columns\)"),
    ],
)
def test_layers_that_do_not_fit_are_refused(transports, reads, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        most_disjoint_paths(transports, reads)

"""R4b: path systems counted by MacMahon's formula, and maximum flows of known graphs."""

from itertools import product
from math import comb, prod

import numpy as np
import pytest

from identifiability.disjoint_paths import most_disjoint_paths
from proofs.generic_rank_disjoint_paths import _generic_rank, _lin
from proofs.shared.disjoint_paths import disjoint_path_systems, most_edge_disjoint_paths
from proofs.shared.layered_reads import observability

FULL = np.ones((3, 3), bool)
NOTHING = FULL[:0]


def lattice(a, b, c):
    """Steps east or north, a + b of them, as layers; coordinate i has gone i - (c - 1) east."""
    width = a + c
    step = np.eye(width, dtype=bool) | np.eye(width, k=-1, dtype=bool)
    transports = [step] * (a + b)
    reads = [step[:0]] * (a + b) + [np.eye(width, dtype=bool)]
    starts = [c - 1 - i for i in range(c)]
    ends = [(a + b, start + a) for start in starts]
    return transports, reads, starts, ends


@pytest.mark.parametrize(("box", "known"), [((2, 2, 2), 20), ((3, 2, 2), 50), ((3, 3, 2), 175)])
def test_disjoint_lattice_paths_are_plane_partitions_in_a_box(box, known):
    """MacMahon 1916: prod (i + j + k - 1)/(i + j + k - 2); by Gessel--Viennot a determinant."""
    a, b, c = box
    ranges = [range(1, side + 1) for side in box]
    above = prod(i + j + k - 1 for i, j, k in product(*ranges))
    assert above // prod(i + j + k - 2 for i, j, k in product(*ranges)) == known
    transports, reads, starts, ends = lattice(a, b, c)
    systems = list(disjoint_path_systems(transports, reads, starts, ends))
    assert [sign for sign, _ in systems] == [1] * known  # planar: only the identity has no crossing
    assert all(len(set(used)) == c * (a + b + 1) for _, used in systems)
    stack = observability([t.astype(int) for t in transports], [r.astype(int) for r in reads])
    minor = stack[np.ix_([end for _, end in ends], starts)]
    assert minor.tolist() == [[comb(a + b, a - i + j) for j in range(c)] for i in range(c)]
    assert round(np.linalg.det(minor)) == known


def test_a_transposition_has_sign_minus_one():
    crossed = np.array([[0, 1], [1, 0]], bool)
    ((sign, used),) = disjoint_path_systems([], [crossed], [0, 1], [(0, 0), (0, 1)])
    assert sign == -1
    assert len(used) == 2
    cycle = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], bool)
    ((sign, _),) = disjoint_path_systems([], [cycle], [0, 1, 2], [(0, 0), (0, 1), (0, 2)])
    assert sign == 1


def test_maximum_flows_of_known_graphs():
    hub = np.zeros((3, 3), bool)
    hub[0] = True
    assert most_disjoint_paths([FULL], [NOTHING, FULL]) == 3
    assert most_disjoint_paths([FULL], [NOTHING, FULL[:2]]) == 2
    assert most_disjoint_paths([hub, hub.T], [NOTHING, NOTHING, FULL]) == 1
    assert most_edge_disjoint_paths([hub, hub.T], [NOTHING, NOTHING, FULL]) == 3
    assert most_disjoint_paths([hub], [FULL[:1], FULL]) == 2  # one path stops at layer 0
    assert most_disjoint_paths([~FULL], [NOTHING, FULL]) == 0
    identity = np.eye(4, dtype=bool)
    assert most_disjoint_paths([identity] * 2, [np.ones((1, 4), bool)] * 3) == 3


def test_structural_observability_of_chains_and_forks():
    """Lin 1974: a chain read at its end is, a fork of two equal branches is a dilation."""
    chain = np.eye(3, k=-1, dtype=bool)  # 0 -> 1 -> 2
    end, start = np.array([[False, False, True]]), np.array([[True, False, False]])
    fork = np.zeros((3, 3), bool)
    fork[2, :2] = True  # 0 -> 2 <- 1
    for transport, read, known in ((chain, end, True), (chain, start, False), (fork, end, False)):
        assert _lin(transport, read) == known
        rank = _generic_rank([transport] * 2, [read] * 3, repeated=True)
        assert (rank == 3) == known
    assert _lin(fork | np.diag([True, False, False]), end)  # a loop tells the branches apart

"""R2a: sparks of known matrices, and codes that do and do not come back."""

import networkx as nx
import numpy as np
import pytest

from proofs.shared.sparse_kernels import elementary_vectors, spark
from proofs.sparse_dictionary import (
    SparseSteering,
    _almost_every_code_error,
    _every_code_error,
    _half_of_a_kernel_vector,
    _recovery_error,
    _two_explanations,
)

HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


def incidence(graph):
    return np.rint(nx.incidence_matrix(graph, oriented=True).toarray()).astype(int)


# The spark of a graph's oriented incidence matrix is its girth, that of a Vandermonde matrix M + 1.
KNOWN = {
    "identity": (np.eye(4, dtype=int), 5),
    "spikes and Hadamard": (np.hstack([2 * np.eye(4, dtype=int), HADAMARD]), 4),
    "Vandermonde": (np.vander([1, 2, 3, 5, 7, 11], 4, increasing=True).T, 5),
    "Hamming (7, 4)": (np.array([[n >> b & 1 for n in range(1, 8)] for b in range(3)]), 3),
    "K4": (incidence(nx.complete_graph(4)), 3),
    "Petersen graph": (incidence(nx.petersen_graph()), 5),
    "a zero column": (np.array([[1, 0], [2, 0]]), 1),
}


@pytest.mark.parametrize(("matrix", "known"), KNOWN.values(), ids=KNOWN.keys())
def test_spark_of_known_matrices_by_columns_and_by_kernel_vectors(matrix, known):
    assert spark(matrix) == known
    vectors = elementary_vectors(matrix)
    assert np.count_nonzero(vectors, axis=1).min(initial=matrix.shape[1] + 1) == known
    assert np.allclose(vectors @ matrix.T, 0, atol=1e-9 * np.abs(matrix).max())


def test_vectors_of_minimal_support_are_the_cycles_of_a_graph():
    """K4 has four triangles and three quadrilaterals."""
    supports = {tuple(v) for v in elementary_vectors(incidence(nx.complete_graph(4))) != 0}
    assert sorted(map(sum, supports)) == [3, 3, 3, 3, 4, 4, 4]


def test_two_explanations_of_the_same_response():
    instance = _half_of_a_kernel_vector(np.random.default_rng(0))
    ((first, second),) = _two_explanations(instance)
    assert np.allclose(np.abs([first, second]), [[1, 1, 0, 0], [0, 0, 1, 1]])
    assert np.allclose(instance.seen @ first, instance.seen @ second)
    assert np.array_equal(instance.response, [9, 11, 21])


def planted(matrix, code, sparsity):
    dictionary = np.eye(matrix.shape[1], dtype=int)
    return SparseSteering(matrix, dictionary, dictionary, np.array(code), sparsity)


def test_three_rows_serve_almost_every_pair_and_four_every_one():
    three = np.vander([1, 2, 3, 5, 7], 3, increasing=True).T
    four = np.vander([1, 2, 3, 5, 7], 4, increasing=True).T
    code = [0, 7, 0, -3, 0]
    assert _recovery_error(planted(three, code, 2)) < 1e-9
    assert _almost_every_code_error(planted(three, code, 2), 1) == 0
    assert _every_code_error(planted(three, code, 2), claimed=True) == 1
    assert _every_code_error(planted(four, code, 2), claimed=True) == 0
    assert _recovery_error(planted(three[:2], code, 2)) > 0.1

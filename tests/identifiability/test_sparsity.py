"""Spark and null-space property against exact arithmetic and the kernel's elementary vectors."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from identifiability import null_space_property
from identifiability.null_space_property import kernel_share
from identifiability.spark import spark
from identifiability.sparsity import coherence, most_coherent_pair
from proofs.shared.sparse_kernels import elementary_vectors
from proofs.shared.sparse_kernels import spark as spark_over_rationals
from proofs.sparse_l1 import simplex_frame


def _integers(seed):
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(2, 6)), int(rng.integers(3, 9))
    matrix = rng.integers(-2, 3, (rows, columns))
    matrix[:, -1] = matrix[:, :2].sum(axis=1) if seed % 2 else matrix[:, -1]
    return matrix


@pytest.mark.parametrize("seed", range(40))
def test_spark_and_its_vector_are_those_over_the_rationals(seed):
    matrix = _integers(seed)
    known = spark_over_rationals(matrix)
    found = spark(matrix.astype(float), up_to=matrix.shape[1], limit=10_000)
    assert found.at_least == found.at_most == known, found
    if found.vector is None:
        assert known == matrix.shape[1] + 1
    else:
        assert np.count_nonzero(found.vector) == known
        size = np.abs(matrix).max() * np.abs(found.vector).max()
        np.testing.assert_allclose(matrix @ found.vector, 0, atol=1e-9 * max(size, 1))


@pytest.mark.parametrize("seed", range(20))
def test_bounds_without_a_search_contain_the_spark(seed):
    matrix = _integers(seed)
    known = spark_over_rationals(matrix)
    found = spark(matrix.astype(float), up_to=matrix.shape[1], limit=0)
    assert found.at_least <= known <= found.at_most
    for size in range(1, matrix.shape[1] + 1):
        assert found.exceeds(size) in (None, known > size)


def test_spikes_and_hadamard_have_the_spark_of_the_comb():
    """2 sqrt(M) columns: a comb is its own Hadamard transform."""
    columns = np.hstack([np.eye(4), hadamard(4) / 2])
    found = spark(columns, up_to=8, limit=10_000)
    assert (found.at_least, found.at_most) == (4, 4)
    wide = np.hstack([np.eye(64), hadamard(64) / 8])
    bounded = spark(wide, up_to=8, limit=0)
    assert bounded.at_least == 9  # 1 + 1/mu
    assert bounded.exceeds(8)
    assert "coherence" in bounded.decided_by


def test_almost_dependent_columns_are_not_decided():
    columns = np.array([[1.0, 1.0, 0.0], [0.0, 3e-9, 1.0]])
    found = spark(columns, up_to=2, limit=100)
    assert found.exceeds(2) is None or found.at_most == 3
    tall = np.vstack([columns, [[0.0, 0.0, 1.0]]])[:, :2]
    tall = np.hstack([tall, [[0.0], [0.0], [1.0]]])
    assert spark(tall, up_to=2, limit=100).exceeds(2) is None


@pytest.mark.parametrize("seed", range(8))
def test_kernel_share_is_that_of_elementary_vectors(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(3, 6))
    columns = rng.standard_normal((rows, rows + int(rng.integers(1, 4))))
    columns /= np.linalg.norm(columns, axis=0)
    sizes = np.sort(np.abs(elementary_vectors(columns)), axis=1)[:, ::-1]
    for k in (1, 2):
        known = float(np.max(sizes[:, :k].sum(axis=1) / sizes.sum(axis=1)))
        found = kernel_share(columns, k, limit=400)
        assert found.at_least <= known + 1e-6
        assert known <= found.at_most + 1e-6
        assert found.below_half is (known < 0.5)


@pytest.mark.parametrize("dimension", [3, 4, 5])
def test_a_simplex_has_the_share_k_over_its_corners(dimension):
    frame, half = simplex_frame(dimension), (dimension + 1) / 2
    for k in range(1, dimension + 1):
        found = kernel_share(frame, k, limit=200)
        assert found.below_half is (k < half)
        if found.vector is not None:
            assert found.at_least == pytest.approx(k / (dimension + 1), abs=1e-6)


def test_independent_columns_need_no_search():
    columns = np.random.default_rng(0).standard_normal((30, 20))
    found = spark(columns, up_to=10, limit=0)
    assert (found.at_least, found.at_most, found.decided_by) == (21, 21, "rank")
    assert found.margin == pytest.approx(
        np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)[-1]
    )


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e9])
def test_the_share_does_not_depend_on_the_unit(scale):
    columns = np.random.default_rng(1).standard_normal((5, 8))
    base, scaled = (kernel_share(s * columns, 2, limit=400) for s in (1.0, scale))
    assert scaled.at_least == pytest.approx(base.at_least, abs=1e-6)
    assert scaled.below_half is base.below_half is not None


@pytest.mark.parametrize("limit", [8, 9, 30, 100])
def test_the_limit_counts_every_linear_program(limit, monkeypatch):
    solved, known = [], null_space_property._Program.largest

    def largest(program, weights):
        solved.append(weights)
        return known(program, weights)

    monkeypatch.setattr(null_space_property._Program, "largest", largest)
    kernel_share(np.random.default_rng(3).standard_normal((5, 8)), 2, limit=limit)
    assert 8 <= len(solved) <= limit


def test_beyond_the_limit_the_share_is_open():
    columns = np.random.default_rng(0).standard_normal((12, 24))
    found = kernel_share(columns / np.linalg.norm(columns, axis=0), 3, limit=5)
    assert found.below_half is None
    assert "bounds" in found.decided_by


def test_the_most_coherent_pair_and_zero_columns():
    columns = np.array([[1.0, 0.0, 3.0, 0.0], [0.0, 1.0, 4.0, 0.0]])
    assert most_coherent_pair(columns) == (pytest.approx(0.8), (1, 2))
    assert coherence(columns[:, :1]) == 0
    found = spark(columns, up_to=2, limit=100)
    assert found.vector is not None
    assert (found.at_least, found.at_most, np.flatnonzero(found.vector).tolist()) == (1, 1, [3])


def test_a_spark_exceeds_what_is_less_and_not_itself():
    columns = np.column_stack([np.eye(3), np.ones(3)])  # any three are independent, four are not
    found = spark(columns, up_to=4, limit=100)
    assert (found.at_least, found.at_most) == (4, 4)
    assert found.exceeds(3) is True
    assert found.exceeds(4) is False

"""R2c: the graph criterion against its definition, and the search for the sparsest latents."""

from itertools import chain, combinations, product

import numpy as np
import pytest

from proofs.structural_sparsity import (
    _CYCLE,
    _TWO_ALONE,
    _criterion_error,
    _form_error,
    _freedom_error,
    _mixing,
    containments,
    criterion,
    sparsest_change,
)

TRIANGLE = np.tril(np.ones((3, 3), bool))


def criterion_by_definition(pattern):
    """For every latent some set of outputs whose supports meet in that latent alone."""
    supports = [set(np.flatnonzero(row).tolist()) for row in pattern]
    sets = chain.from_iterable(combinations(supports, n + 1) for n in range(len(supports)))
    met = [set.intersection(*chosen) for chosen in sets]
    return all({j} in met for j in range(pattern.shape[1]))


@pytest.mark.parametrize(
    ("pattern", "holds"), [(_CYCLE, True), (_TWO_ALONE, True), (TRIANGLE, False)]
)
def test_criterion_of_known_patterns(pattern, holds):
    assert criterion(pattern) == holds == criterion_by_definition(pattern)


def test_criterion_and_containments_by_their_definitions_on_all_patterns_of_three_by_three():
    for entries in product([False, True], repeat=9):
        pattern = np.array(entries).reshape(3, 3)
        assert criterion(pattern) == criterion_by_definition(pattern)
        rows = [set(np.flatnonzero(column).tolist()) for column in pattern.T]
        for j, k in product(range(3), repeat=2):
            assert containments(pattern)[j, k] == (rows[j] <= rows[k])


def test_a_triangle_keeps_the_freedom_of_a_triangle():
    """rows(k) = {k, ..., 3} are nested: T may add later columns to earlier ones, 3 + 2 + 1 ways."""
    rival = _mixing(TRIANGLE, 3, np.random.default_rng(1))
    assert rival is not None
    assert containments(TRIANGLE).sum() == 6
    assert _freedom_error(rival) == 0
    assert _form_error(rival) < 1e-9
    assert _criterion_error(rival, criterion) == 0
    assert (np.abs(rival.changes[0]) > 1e-6).sum() == 6


def test_the_search_finds_a_planted_change_of_latents():
    """Mixed by a known invertible matrix, the sparse Jacobian is found again, up to the gauge."""
    rng = np.random.default_rng(2)
    rival = _mixing(_CYCLE, 2, rng)
    assert rival is not None
    mixed = rng.standard_normal((3, 3))
    undone = mixed @ sparsest_change(rival.jacobians @ mixed, rng)
    assert ((np.abs(undone) > 1e-6).sum(axis=0) == 1).all()
    assert ((np.abs(undone) > 1e-6).sum(axis=1) == 1).all()

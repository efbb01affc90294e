"""Few atoms from few outputs: against pursuit written out, and truths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.planted.few_atoms import Equations, in_words

WIDTH, OUTPUTS = 30, 14


def planted(sparsity, count=8, seed=0):
    """Vectors of the standard basis, and outputs of very different sizes that see them."""
    rng = np.random.default_rng([seed, sparsity])
    vectors = np.zeros((count, WIDTH))
    for row in vectors:
        row[rng.choice(WIDTH, sparsity, replace=False)] = rng.standard_normal(sparsity)
    gradients = rng.standard_normal((OUTPUTS, WIDTH)) * np.geomspace(1, 1e-3, OUTPUTS)[:, None]
    return gradients, vectors


def by_hand(columns, response, steps):
    """Orthogonal matching pursuit, as its definition has it."""
    support, residual = [], response
    for _ in range(steps):
        support.append(int(np.argmax(np.abs(columns.T @ residual))))
        weights = np.linalg.lstsq(columns[:, support], response)[0]
        residual = response - columns[:, support] @ weights
    code = np.zeros(columns.shape[1])
    code[support] = weights
    return code


@pytest.mark.parametrize("sparsity", [1, 10])
def test_codes_are_those_of_pursuit_on_orthonormal_rows(sparsity):
    gradients, vectors = planted(sparsity)
    seen = Equations.of(gradients, vectors @ gradients.T)
    np.testing.assert_allclose(seen.rows @ seen.rows.T, np.eye(OUTPUTS), atol=1e-12)
    np.testing.assert_allclose(seen.responses, vectors @ seen.rows.T, atol=1e-10)
    found = seen.pursue(np.eye(WIDTH), sparsity, slice(2, 8), vectors[2:8])
    right = np.linalg.svd(gradients, full_matrices=False)[2]
    lengths = np.linalg.norm(right, axis=0)
    expected = []
    for vector in vectors[2:8]:
        estimate = by_hand(right / lengths, right @ vector, sparsity) / lengths
        size = np.linalg.norm(estimate) * np.linalg.norm(vector)
        expected.append(estimate @ vector / size >= 0.95)
    assert found.recovered.tolist() == expected
    assert any(expected)
    assert all(expected) == (sparsity == 1)


def test_rows_below_the_cut_are_not_read():
    gradients, vectors = planted(1)
    gradients[-1] *= 1e-3
    assert len(Equations.of(gradients, vectors @ gradients.T).rows) == OUTPUTS - 1


def test_words_are_those_of_the_estimator():
    gradients, vectors = planted(1)
    seen = Equations.of(gradients, vectors @ gradients.T)
    one = seen.pursue(np.eye(WIDTH), 1, slice(None), vectors)
    many = seen.pursue(np.eye(WIDTH), OUTPUTS - 1, slice(None), vectors)
    assert in_words([one, one]) == "it is recovered (2 of 2)"
    assert in_words([one, many]).endswith("two k-sparse explanations (1 of 2)")

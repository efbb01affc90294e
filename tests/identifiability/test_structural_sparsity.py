"""The graph criterion for each latent, by its definition over all sets of outputs."""

from itertools import chain, combinations, product

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.structural_sparsity import structural_sparsity, support_graph


def _by_definition(pattern, latent):
    supports = [set(np.flatnonzero(row).tolist()) for row in pattern]
    sets = chain.from_iterable(combinations(supports, n + 1) for n in range(len(supports)))
    return any(set.intersection(*chosen) == {latent} for chosen in sets)


def test_all_patterns_of_three_by_three():
    for entries in product([False, True], repeat=9):
        pattern = np.array(entries).reshape(3, 3)
        for found in structural_sparsity(pattern):
            assert found.criterion_holds == _by_definition(pattern, found.latent)
            if found.criterion_holds:  # the outputs named show it, and each of them is needed
                meet = pattern[list(found.outputs)].all(axis=0)
                assert np.flatnonzero(meet).tolist() == [found.latent]
                for left_out in found.outputs[
                    : len(found.outputs) if len(found.outputs) > 1 else 0
                ]:
                    rest = [o for o in found.outputs if o != left_out]
                    assert pattern[rest].all(axis=0).sum() > 1
            else:
                mine = pattern[:, found.latent]
                inside = [
                    k for k in range(3) if k != found.latent and (pattern[:, k] | ~mine).all()
                ]
                assert list(found.shared_with) == inside


def test_a_jacobian_serves_as_its_support():
    first, second = structural_sparsity([[0.5, -1.0], [0.0, 2.0]])
    assert (first.criterion_holds, first.shared_with) == (False, (1,))
    assert (second.criterion_holds, second.outputs) == (True, (1,))
    assert len(support_graph([[0.5, -1.0], [0.0, 2.0]]).edges) == 3


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (np.ones(3), r"must be \(m, n\)"),
        (np.ones((0, 2)), r"must be \(m, n\)"),
        ([[np.nan, 1.0]], "finite real numbers"),
        ([["a", "b"]], "finite real numbers"),
    ],
)
def test_bad_input_is_one_sentence(pattern, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        structural_sparsity(pattern)

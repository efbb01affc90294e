"""R4c: three experiments on one stack of diagonal layers, with ranks known by hand."""

import numpy as np

from identifiability import exact_rank
from proofs.consistency_adds_no_rank import (
    _at_once_error,
    _consistent_error,
    _constrained_error,
    _same_vector_error,
    _three_layers,
    sample,
)


def test_jacobians_run_from_each_layer_to_the_output():
    """Layers diag(1, 2, 3) and diag(3, 1, 2), output (1, 1, 1)."""
    instance = _three_layers(np.random.default_rng(0))
    expected = [[[3, 2, 6]], [[3, 1, 2]], [[1, 1, 1]]]
    assert [j.tolist() for j in instance.jacobians] == expected
    assert [np.diag(t).tolist() for t in instance.imposed] == [[1, 1, 1], [1, 2, 3], [3, 2, 6]]
    assert abs(round(np.linalg.det(np.vstack(instance.jacobians)))) == 7
    assert sum(instance.jacobians[1:], instance.jacobians[0]).tolist() == [[7, 4, 9]]


def test_ranks_one_three_and_one():
    """Consistent: J three times. The same v one layer at a time: rank 3. All at once: one row."""
    instance = _three_layers(np.random.default_rng(0))
    assert _consistent_error(instance, claimed=2) == 0
    assert _same_vector_error(instance, claimed=0) == 0
    assert _at_once_error(instance, claimed=2) == 0
    assert _constrained_error(instance) == 0


def test_consistent_vectors_add_no_row_to_any_sampled_stack():
    rng = np.random.default_rng(5)
    gains = []
    for instance in (sample(rng) for _ in range(30)):
        rank = int(exact_rank(instance.jacobians[0]))
        responses = instance.outputs(list(instance.imposed))
        assert all(np.array_equal(r, instance.jacobians[0]) for r in responses)
        gains.append(int(exact_rank(np.vstack(instance.jacobians))) - rank)
    assert max(gains) >= 2  # the same v at several layers does gain on many of them

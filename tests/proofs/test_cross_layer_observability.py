"""R4a: observability of textbook pairs, and layers simulated one by one."""

import numpy as np
import pytest

from identifiability import exact_rank
from proofs.cross_layer_observability import _hidden_eigenvectors, _repeated_error
from proofs.shared.layered_reads import LayeredReads, observability, without_bypass

DOUBLE_INTEGRATOR = np.array([[1, 1], [0, 1]])  # position, velocity; one second a step
# Deviations (r, r', theta, theta') of a satellite from its circular orbit, omega = 1 (Brockett).
SATELLITE = np.array([[0, 1, 0, 0], [3, 0, 0, 2], [0, 0, 0, 1], [0, -2, 0, 0]])
# Cart and inverted pendulum (x, x', phi, phi'), gravity and masses scaled to integers.
PENDULUM = np.array([[0, 1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1], [0, 0, 2, 0]])

PAIRS = {
    "position of a double integrator": (DOUBLE_INTEGRATOR, [1, 0], 2),
    "its velocity": (DOUBLE_INTEGRATOR, [0, 1], 1),
    "angle of a satellite": (SATELLITE, [0, 0, 1, 0], 4),
    "its radius": (SATELLITE, [1, 0, 0, 0], 3),
    "position of a cart with a pendulum": (PENDULUM, [1, 0, 0, 0], 4),
    "angle of the pendulum": (PENDULUM, [0, 0, 1, 0], 2),
    "identity layers": (np.eye(4, dtype=int), [1, 2, 3, 4], 1),
}


@pytest.mark.parametrize(("transport", "read", "known"), PAIRS.values(), ids=PAIRS.keys())
def test_rank_of_textbook_pairs(transport, read, known):
    width = len(transport)
    for reads in (width, width + 3):
        stack = observability([transport] * (reads - 1), [np.array([read])] * reads)
        assert int(exact_rank(stack)) == known


def test_eigenvectors_in_the_kernel_of_the_read_are_counted():
    """Eigenvalues 1, 2, 3: the read (1, 0, 0) misses e2 and e3, (1, 1, 0) misses e3 only."""
    for read, missed in (([1, 0, 0], 2), ([1, 1, 0], 1), ([1, 1, 1], 0)):
        layers = without_bypass([np.diag([1, 2, 3])], [np.array([read])] * 2)
        assert _hidden_eigenvectors(layers) == missed
        assert _repeated_error(layers, missed, (3, 6)) == 0
        assert _repeated_error(layers, missed + 1, (3,)) == 1


def test_the_stack_holds_the_products_in_order():
    rng = np.random.default_rng(0)
    first, second = rng.integers(-3, 4, (2, 3)), rng.integers(-3, 4, (4, 2))
    reads = [rng.integers(-3, 4, (2, d)) for d in (3, 2, 4)]
    expected = np.vstack([reads[0], reads[1] @ first, reads[2] @ second @ first])
    assert np.array_equal(observability([first, second], reads), expected)
    layers = without_bypass([first, second], reads)
    assert np.array_equal(np.vstack(layers.responses(np.eye(3, dtype=int))), expected)
    assert np.array_equal(layers.observability(1), expected[:4])


def test_a_vector_added_later_does_not_pass_the_layers_below_nor_round_them():
    layers = LayeredReads(
        (np.diag([2, 3]), np.diag([5, 7])),
        (np.zeros((0, 2), int), np.zeros((0, 2), int), np.eye(2, dtype=int)),
        (np.zeros((2, 2), int), np.diag([0, 1])),
    )
    ones = np.ones((2, 1), int)
    assert layers.responses(ones)[-1].ravel().tolist() == [10, 22]  # 21 and the bypass
    assert layers.responses(ones, layer=1)[-1].ravel().tolist() == [5, 7]
    assert layers.responses(ones, layer=2)[-1].ravel().tolist() == [1, 1]

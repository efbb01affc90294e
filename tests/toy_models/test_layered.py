"""Layers with reads: the unobservable part is the one that the dials say, and no other."""

import numpy as np
import pytest
import sympy as sp

from toy_models.layered import LayeredStack, SteeredLayers
from toy_models.sparse_layers import SparseLayers

MODELS = [
    LayeredStack(layers=3),
    LayeredStack(layers=2),
    LayeredStack(layers=6, hidden=2),
    LayeredStack(layers=1, hidden=2),
    LayeredStack(layers=4, first_read=4),
    LayeredStack(layers=7, outputs=1, maps="identity"),
    LayeredStack(layers=7, outputs=1, maps="identity", same_read=True),
    LayeredStack(layers=7, outputs=1, maps="residual", same_read=True),
    LayeredStack(layers=6, rank=4),
    LayeredStack(layers=6, rank=4, first_read=1),
    LayeredStack(layers=6, rank=6),
    LayeredStack(layers=2, rank=6, first_read=1),
    LayeredStack(layers=6, rank=4, hidden=1, first_read=1),
    LayeredStack(layers=4, hidden=2, same_read=True, same_map=True),
    SteeredLayers(),
    SteeredLayers(layers=2, vectors="same"),
    SteeredLayers(vectors="same"),
    SparseLayers(layers=5),
    SparseLayers(pattern="hub"),
    SparseLayers(pattern="random", outputs=2, layers=4),
]


def _stack(instance):
    """From the responses to unit vectors, simulated: not the product that the models build."""
    responses = [instance.responses(unit) for unit in np.eye(instance.width)]
    return np.array([np.concatenate([r for r in rs if r is not None]) for rs in responses]).T


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_planted_kernel_is_all_that_the_reads_do_not_show(model, seed):
    instance = model.sample(seed)
    stack, kernel = _stack(instance), instance.kernel
    np.testing.assert_allclose(stack @ kernel, 0, atol=1e-12 * np.abs(stack).max())
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(kernel.shape[1]), atol=1e-12)
    singular = np.linalg.svd(stack, compute_uv=False)
    rank = int(np.sum(singular > 1e-10 * singular[0]))
    assert rank == instance.width - kernel.shape[1]
    if not isinstance(model, SparseLayers):
        assert kernel.shape[1] == model.lost


def test_hidden_directions_stay_as_they_are_in_every_layer():
    instance = LayeredStack(layers=4, hidden=2).sample(0)
    state = instance.kernel
    for transport in instance.transports:
        np.testing.assert_allclose(transport @ state, state, atol=1e-13)


def test_maps_have_the_rank_ordered():
    instance = LayeredStack(layers=3, rank=5).sample(0)
    assert [np.linalg.matrix_rank(t) for t in instance.transports] == [5, 5, 5]


def test_steered_layers_show_the_final_read_of_what_was_added():
    """Adding Phi_0 v at layer 1 does at the output what v does at layer 0; v itself does not."""
    transported = SteeredLayers(layers=2).sample(0)
    shown = transported.responses()
    np.testing.assert_allclose(shown[1], shown[0], atol=1e-13)
    np.testing.assert_allclose(shown[2], shown[0], atol=1e-13)
    same = SteeredLayers(layers=2, vectors="same").sample(0)
    shown = same.responses()
    np.testing.assert_allclose(shown[2], same.reads[2] @ same.vector, atol=1e-13)
    assert np.linalg.norm(shown[1] - shown[0]) > 0.01


def test_sparse_layers_fill_their_pattern_and_nothing_else():
    model = SparseLayers(pattern="random", outputs=2)
    instance, (maps, reads) = model.sample(4), model.patterns()
    assert instance.reads[0] is None
    for pattern, found in zip(
        (*maps, *reads[1:]), (*instance.transports, *instance.reads[1:]), strict=True
    ):
        assert np.array_equal(pattern, found != 0)
        entries = 4096 * np.abs(found[pattern])
        assert all(sp.isprime(int(e)) and e == int(e) for e in entries)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (LayeredStack(layers=0), "first_read must lie between 0 and layers >= 1"),
        (LayeredStack(first_read=5), "first_read must lie between"),
        (LayeredStack(rank=9), "rank needs random maps and must lie"),
        (LayeredStack(rank=3, maps="identity"), "rank needs random maps"),
        (SparseLayers(width=30, pattern="hub"), "a pattern may have"),
    ],
    ids=repr,
)
def test_models_that_cannot_be_built_say_why(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)

"""Superposed features: what is planted is there, checked by linear algebra alone."""

import numpy as np
import pytest

from toy_models.superposition import Superposition

MODELS = [
    Superposition(),
    Superposition(code="two_codes"),
    Superposition(code="one_vector", width=6, features=4, measurements=3),
    Superposition(code="cheaper_rival"),
    Superposition(code="face", features=20),
    Superposition(code="hidden_atom"),
    Superposition(code="decoy", features=8),
    Superposition(width=24, features=32, measurements=16, frame="hadamard"),
    Superposition(width=8, features=7, measurements=6, frame="simplex"),
    Superposition(width=6, features=5, measurements=4, frame="simplex", sparsity=1, short=10.0),
    Superposition(code="two_codes", spread=100.0, repeats=3, noise=1e-2),
]
models = pytest.mark.parametrize("model", MODELS, ids=repr)


@models
def test_response_kernel_and_rival_are_exact(model):
    instance = model.sample(4)
    np.testing.assert_allclose(instance.vector, instance.dictionary @ instance.code)
    assert np.count_nonzero(instance.code) == model.sparsity
    assert instance.jacobian.shape == (model.measurements * model.repeats, model.width)
    np.testing.assert_allclose(instance.jacobian @ instance.kernel, 0, atol=1e-12)
    rank = np.linalg.matrix_rank(instance.jacobian)
    assert rank + instance.kernel.shape[1] == model.width
    clean = instance.jacobian @ instance.vector
    missed = np.linalg.norm(instance.response - clean)
    assert missed == pytest.approx(model.noise * np.linalg.norm(clean), abs=1e-12)
    assert len(instance.prompts) == len(instance.response)
    if instance.rival is not None:
        np.testing.assert_allclose(
            instance.jacobian @ instance.dictionary @ instance.rival, clean, atol=1e-9
        )
        assert not np.allclose(instance.rival, instance.code)
    if model.short == 1:
        lengths = np.linalg.norm(instance.dictionary, axis=0)
        assert 1 - 1e-9 <= lengths.min() <= lengths.max() <= model.spread + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_what_each_code_is_planted_for(seed):
    two = Superposition(code="two_codes").sample(seed)
    assert two.rival is not None
    assert np.count_nonzero(two.rival) == 2
    assert not np.any((two.code != 0) & (two.rival != 0))
    assert np.linalg.norm(two.dictionary @ (two.code - two.rival)) > 0.1
    one = Superposition(code="one_vector", width=6, features=4, measurements=3).sample(seed)
    np.testing.assert_allclose(one.dictionary @ one.rival, one.vector, atol=1e-12)
    cheap = Superposition(code="cheaper_rival").sample(seed)
    sizes = np.linalg.norm(cheap.jacobian @ cheap.dictionary, axis=0)
    assert cheap.rival is not None
    assert np.count_nonzero(cheap.rival) == 3
    assert 2 * np.abs(cheap.rival * sizes).sum() <= np.abs(cheap.code * sizes).sum() + 1e-9
    decoy = Superposition(code="decoy", features=8).sample(seed)
    seen = decoy.jacobian @ decoy.dictionary
    aligned = np.abs(seen.T @ decoy.response) / np.linalg.norm(seen, axis=0)
    assert decoy.code[np.argmax(aligned)] == 0
    hidden = Superposition(code="hidden_atom").sample(seed)
    silent = np.linalg.norm(hidden.jacobian @ hidden.dictionary, axis=0) < 1e-12
    assert hidden.code[silent].size == 1
    assert hidden.code[silent].all()


def test_coherence_of_the_structured_frames():
    for model, known in ((MODELS[7], 1 / 4), (MODELS[8], 1 / 6)):
        instance = model.sample(0)
        seen = instance.jacobian @ instance.dictionary
        seen /= np.linalg.norm(seen, axis=0)
        cosines = np.abs(seen.T @ seen) - np.eye(model.features)
        assert cosines.max() == pytest.approx(known, abs=1e-12)


def test_a_rotated_vector_is_not_sparse_in_the_dictionary():
    instance = Superposition(rotated=True, features=10, measurements=10).sample(0)
    coefficients = np.linalg.solve(instance.dictionary, instance.vector)
    assert np.count_nonzero(np.abs(coefficients) > 1e-6) == 10


def test_seeds_draw_the_same_again():
    first, again, other = (Superposition().sample(s) for s in (1, 1, 2))
    assert np.array_equal(first.dictionary, again.dictionary)
    assert not np.array_equal(first.dictionary, other.dictionary)


@pytest.mark.parametrize(
    ("dials", "sentence"),
    [
        ({"measurements": 11}, "measurements must lie between 1 and width"),
        ({"sparsity": 0}, "sparsity must lie between 1 and features"),
        ({"frame": "hadamard"}, "hadamard"),
        ({"frame": "flat"}, "'flat'"),
        ({"code": "two_codes", "sparsity": 8}, "two codes need 2k"),
        ({"code": "decoy", "sparsity": 3}, "decoy needs k = 2"),
        ({"short": 3.0, "spread": 2.0}, "short goes with"),
    ],
)
def test_dials_that_do_not_fit_are_refused(dials, sentence):
    with pytest.raises(ValueError, match=sentence):
        Superposition(**dials).sample(0)

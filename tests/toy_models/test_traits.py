"""Truth of the trait vectors, against how they are built."""

import numpy as np
import pytest

from toy_models.traits import TraitEnvironments


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("environments", [1, 2, 3, 4, 6])
def test_vectors_are_trait_plus_spurious_with_differences_of_generic_rank(rank, environments):
    instance = TraitEnvironments(rank=rank, environments=environments).sample(3)
    explained = instance.common + instance.amounts @ instance.spurious.T
    np.testing.assert_allclose(instance.vectors, explained, atol=1e-12)
    centred = instance.vectors - instance.vectors.mean(axis=0)
    assert np.linalg.matrix_rank(centred, tol=1e-8) == min(rank, environments - 1)
    assert np.linalg.matrix_rank(instance.spurious) == rank


def test_dials_of_the_trait():
    orthogonal = TraitEnvironments().sample(0)
    np.testing.assert_allclose(orthogonal.common[0] @ orthogonal.spurious, 0, atol=1e-12)
    oblique = TraitEnvironments(orthogonal=False).sample(0)
    basis = np.linalg.qr(oblique.spurious)[0]
    common = oblique.common[0]
    share = np.sum((basis.T @ common) ** 2)
    assert (np.linalg.norm(common), share) == pytest.approx((1.0, 1 / 3))
    balanced = TraitEnvironments(balanced=True).sample(0)
    np.testing.assert_allclose(balanced.amounts.mean(axis=0), 0, atol=1e-12)
    assert np.abs(orthogonal.amounts.mean(axis=0)).min() > 0.5
    constant = TraitEnvironments(constant=1).sample(0)
    assert np.ptp(constant.amounts, axis=0)[-1] == 0
    moving = TraitEnvironments(drift=0.5).sample(0).common
    step = (moving - moving.mean(axis=0))[np.argmax(moving @ moving.mean(axis=0))]
    assert step @ moving.mean(axis=0) / np.linalg.norm(step) == pytest.approx(0.5)
    noisy, exact = (TraitEnvironments(noise=x).sample(0) for x in (0.1, 0.0))
    off = np.linalg.norm(noisy.vectors - exact.vectors, axis=1)
    np.testing.assert_allclose(off, 0.1)
    assert noisy.error == 0.1


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (TraitEnvironments(rank=7), "rank must lie between 1 and width - 2"),
        (TraitEnvironments(constant=3), "constant must lie between 0 and rank"),
        (TraitEnvironments(environments=0), "environments must be >= 1"),
    ],
)
def test_dials_that_do_not_fit_are_refused(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)

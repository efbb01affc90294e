"""The rotation that cumulants choose, against one that is known."""

import numpy as np
import pytest

from identifiability.recovery.ica_rotation import cumulant_rotation

LAWS = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "Laplace": lambda rng, shape: rng.laplace(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
}


@pytest.mark.parametrize("law", LAWS)
def test_cumulants_find_the_turn_of_two_sources(law):
    sources = LAWS[law](np.random.default_rng(0), (20_000, 2))
    centred = sources - sources.mean(axis=0)
    # Whitened by the root of the covariance: near the sources themselves, which are independent.
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    white = centred @ (vectors / np.sqrt(values)) @ vectors.T
    angle = 0.6
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rotation, _, settled = cumulant_rotation(white @ turn)
    assert settled
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=1e-12)
    # Cumulants of these laws leave an error of a few hundredths of a radian at most; a wrong
    # contrast is off by tenths.
    gain = np.abs(turn @ rotation.T)
    np.testing.assert_allclose(np.sort(gain, axis=1), [[0, 1], [0, 1]], atol=0.1)

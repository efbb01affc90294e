"""Probes of an encoder against its exact Jacobian."""

from __future__ import annotations

import numpy as np

from llm_validation.measurements import embedding_jacobian, embedding_probes
from llm_validation.measurements.probed_null_space import random_probes
from tests.llm_validation.encoders import WIDTH
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]


def test_short_steps_give_what_the_jacobian_gives():
    reading = gaussian()
    found = embedding_probes.measure(reading, ids=IDS, layer=1, probes=40, step=1e-4, seed=2)
    jacobian = embedding_jacobian.measure(reading, ids=IDS, layer=1)["factor"]
    changes = random_probes(40, WIDTH, 2) @ jacobian.T
    expected = np.linalg.svd(changes, compute_uv=False)
    np.testing.assert_allclose(found["singular_values"], expected, atol=1e-6 * expected[0])
    np.testing.assert_allclose(found["sizes"], np.linalg.norm(changes, axis=1), rtol=1e-5)


def test_a_long_step_shows_curvature():
    sizes = [
        embedding_probes.measure(gaussian(), ids=IDS, layer=1, probes=5, step=s, seed=2)["sizes"]
        for s in (1e-4, 1.0)
    ]
    assert np.abs(sizes[1] / sizes[0] - 1).max() > 1e-2

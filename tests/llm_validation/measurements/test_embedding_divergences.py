"""Divergences of an embedding against the whole model with the state replaced."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.encoder import EncoderContinuation
from llm_validation.measurements import embedding_divergences
from tests.llm_validation.encoders import WIDTH, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]
MOVED = np.random.default_rng(0).standard_normal((3, WIDTH))


def test_they_are_those_of_full_forward_passes():
    reading, layer = gaussian(), 0
    model, ids = reading.encoder.model, torch.tensor([IDS])
    state = EncoderContinuation(model, IDS, layer).state
    own = full_output(model, ids, layer, 0)
    expected = []
    for row in MOVED:
        change = (full_output(model, ids, layer, 0, state + torch.tensor(row)) - own).numpy()
        expected.append(0.5 * change @ np.linalg.solve(reading.covariance.matrix, change))
    for function in (embedding_divergences.measure, embedding_divergences.exact):
        found = function(reading, ids=IDS, layer=layer, displacements=MOVED)
        np.testing.assert_allclose(found["kl"], expected, rtol=1e-9)


def test_the_exact_one_is_in_float64_whatever_the_encoder_is():
    shift = np.full((1, WIDTH), 0.5)
    found = [
        function(gaussian("modernbert", torch.float32), ids=IDS, layer=0, displacements=shift)["kl"]
        for function in (embedding_divergences.exact, embedding_divergences.measure)
    ]
    # A shift that a pre-LN encoder does not see: rounding alone, of one dtype and of the other.
    assert found[0] < 1e-24 < 1e-20 < found[1]


def test_the_floor_is_rounding_and_not_displacement():
    for dtype, low, high in ((torch.float32, 0.0, 1e-8), (torch.float64, 0.0, 1e-24)):
        floor = embedding_divergences.rounding(gaussian(dtype=dtype), ids=IDS, layer=1, seed=0)
        assert low <= floor["floor"] < high

"""The exact Jacobian of an embedding, at the own state and displaced from it."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.encoder import EncoderContinuation
from llm_validation.measurements import embedding_jacobian
from tests.llm_validation.encoders import WIDTH, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]


def test_it_is_the_forward_mode_derivative_of_the_whole_model():
    reading, moved = gaussian(), np.linspace(-1, 1, WIDTH)
    model, ids = reading.encoder.model, torch.tensor([IDS])
    state = EncoderContinuation(model, IDS, 1).state
    for displacement in (None, moved):
        found = embedding_jacobian.measure(reading, ids=IDS, layer=1, displacement=displacement)
        at = state if displacement is None else state + torch.tensor(moved)
        dense = torch.func.jacfwd(lambda h: full_output(model, ids, 1, 0, h))(at)
        np.testing.assert_allclose(found["factor"], dense.numpy(), atol=1e-12)
        assert not found["common"].any()


def test_it_is_in_float64_also_for_a_float32_encoder():
    found = embedding_jacobian.measure(gaussian(dtype=torch.float32), ids=IDS, layer=1)["factor"]
    values = np.linalg.svd(found, compute_uv=False)
    assert values[-1] < 1e-15 * values[0]  # of unit length; float32 would leave 1e-8

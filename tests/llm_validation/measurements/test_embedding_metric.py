"""The metric of an embedding against differences of the whole model's output."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.encoder import EncoderContinuation
from llm_validation.measurements import embedding_metric
from tests.llm_validation.encoders import WIDTH, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]


def test_it_is_what_full_forward_passes_say_of_small_steps():
    reading, layer = gaussian(), 1
    metric = embedding_metric.measure(reading, ids=IDS, layer=layer)["metric"]
    model, ids = reading.encoder.model, torch.tensor([IDS])
    state = EncoderContinuation(model, IDS, layer).state
    columns = []
    for unit in torch.eye(WIDTH, dtype=torch.float64):
        ends = [full_output(model, ids, layer, 0, state + s * 1e-5 * unit) for s in (1, -1)]
        columns.append(((ends[0] - ends[1]) / 2e-5).numpy())
    jacobian = np.array(columns).T
    expected = jacobian.T @ np.linalg.inv(reading.covariance.matrix) @ jacobian
    np.testing.assert_allclose(metric, expected, atol=1e-7 * np.abs(expected).max())


def test_rounding_is_nothing_in_float64_and_small_in_float32():
    assert embedding_metric.rounding(gaussian(), ids=IDS, layer=1) == {"error": 0.0}
    single = gaussian(dtype=torch.float32)
    error = embedding_metric.rounding(single, ids=IDS, layer=1)["error"]
    size = np.linalg.norm(embedding_metric.measure(single, ids=IDS, layer=1)["metric"], 2)
    assert 0 < error < 1e-4 * size

"""The null direction of an embedding, predicted from the pooled state alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from llm_validation.measurements import embedding_jacobian, pooled_radius
from tests.llm_validation.encoders import BLOCKS, CONFIGURATIONS, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS, OTHER = texts(2, seed=3)


@pytest.mark.parametrize("architecture", CONFIGURATIONS)
@pytest.mark.parametrize("layer", range(BLOCKS))
def test_the_embedding_does_not_see_it_and_that_of_another_text_does(architecture, layer):
    reading = gaussian(architecture)
    found = pooled_radius.measure(reading, ids=IDS, layer=layer)
    assert np.linalg.norm(found["direction"]) == pytest.approx(1)
    own, other = (
        embedding_jacobian.measure(reading, ids=ids, layer=layer)["factor"] for ids in (IDS, OTHER)
    )
    size = np.linalg.norm(own, 2)
    # The least values that are not null are 1e-5 of the largest in these models.
    assert np.linalg.norm(own @ found["direction"]) < 1e-10 * size
    assert found["gain"] < 1e-10 * size
    assert np.linalg.norm(other @ found["direction"]) > 1e-7 * size


def test_after_the_last_block_it_is_the_pooled_state():
    reading = gaussian()
    found = pooled_radius.measure(reading, ids=IDS, layer=-1)["direction"]
    model = reading.encoder.model
    pooled = full_output(model, torch.tensor([IDS]), 0, 0, normalise=False).numpy()
    assert found @ pooled / np.linalg.norm(pooled) == pytest.approx(1, abs=1e-12)


def test_of_an_encoder_that_keeps_lengths_it_says_that_the_division_is_gone():
    """The direction is the same; it is the embedding of unit length that it is null for."""
    reading = gaussian()
    long = replace(reading, encoder=replace(reading.encoder, normalise=False))
    one, two = (pooled_radius.measure(r, ids=IDS, layer=-1) for r in (reading, long))
    np.testing.assert_array_equal(one["direction"], two["direction"])

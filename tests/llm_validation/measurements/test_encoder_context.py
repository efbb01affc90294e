"""The context of measurements on an encoder, and the covariance that its embedding is read by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.embedded import file_sha256
from llm_validation.measurements.encoder_context import covariance_over, gaussian_encoder
from tests.llm_validation.encoders import WIDTH, full_output
from tests.llm_validation.tiny_sentence_encoder import gaussian, saved, texts, tiny_sentence_encoder


def test_the_covariance_is_that_of_the_embeddings_with_the_stated_noise():
    encoder = tiny_sentence_encoder()
    chosen = texts(5)
    rows = np.array(
        [full_output(encoder.model, torch.tensor([ids]), 0, 0).numpy() for ids in chosen]
    )
    found = covariance_over(encoder, chosen)
    # Unit length: the root mean square of an entry is 1/√m.
    assert found.noise == pytest.approx(WIDTH**-0.5, rel=1e-12)
    expected = np.cov(rows.T) + np.eye(WIDTH) / WIDTH
    np.testing.assert_allclose(found.matrix, expected, atol=1e-13)
    assert found.prompts == 5


def test_it_is_the_named_encoder_in_the_named_dtype(tmp_path):
    name = saved(tmp_path)
    digest = file_sha256(tmp_path / "model.safetensors")
    found = gaussian_encoder(name, "float64", digest, texts(4), -1)
    assert (found.encoder.name, found.encoder.dtype) == (name, "float64")
    assert found.covariance.prompts == 4
    assert found.wide.encoder is found.encoder
    ids = texts(1)[0]
    assert found.continuation(ids, 1).position == found.wide.position % len(ids) == len(ids) - 1
    with pytest.raises(InvalidInput, match="must have weights of SHA-256 000000000000…, here it"):
        gaussian_encoder(name, "float64", "0" * 64, texts(4), -1)


def test_the_wide_one_is_in_float64_and_read_in_the_same_way():
    found = gaussian(dtype=torch.float32)
    assert found.wide.encoder.dtype == "float64"
    assert found.wide.covariance is found.covariance
    assert found.wide is found.wide  # copied once

"""The context of measurements is what load_model gives, if the weights are those asked for."""

from __future__ import annotations

import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.embedded import file_sha256
from llm_validation.measurements.context import language_model
from tests.llm_validation.architectures import tiny
from tests.llm_validation.tiny_language_model import tokenizer


def test_it_is_the_named_model_in_the_named_dtype_on_the_cpu(tmp_path):
    tiny("gpt2", torch.float32).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    digest = file_sha256(tmp_path / "model.safetensors")
    found = language_model(str(tmp_path), "float64", digest)
    assert (found.name, found.dtype, found.weights_sha256) == (str(tmp_path), "float64", digest)
    assert found.model.device == torch.device("cpu")
    with pytest.raises(InvalidInput, match="unknown dtype 'half'"):
        language_model(str(tmp_path), "half", digest)
    with pytest.raises(InvalidInput, match="must have weights of SHA-256 000000000000…, here it"):
        language_model(str(tmp_path), "float64", "0" * 64)

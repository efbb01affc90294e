"""Encoders and decoders are told apart by name, before any weight is read."""

from __future__ import annotations

import pytest

from identifiability.errors import InvalidInput
from llm_validation.model_kind import is_encoder_name
from tests.llm_validation.architectures import tiny
from tests.llm_validation.encoders import tiny_encoder


def test_names_of_the_package():
    assert [is_encoder_name(n) for n in (None, "smollm2-135m", "all-minilm-l6-v2")] == [
        False,
        False,
        True,
    ]


def test_folders_are_told_by_their_configuration_alone(tmp_path):
    for name, model in (("encoder", tiny_encoder("bert")), ("decoder", tiny("llama"))):
        model.config.save_pretrained(tmp_path / name)
        assert is_encoder_name(str(tmp_path / name)) is (name == "encoder")


def test_what_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="unknown model"):
        is_encoder_name("nobody/nothing")

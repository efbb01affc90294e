"""Suffixes and the modules that read and write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors import gguf_file, numpy_file, torch_file
from llm_validation.vectors.formats import FORMATS, format_of


def test_the_suffix_decides_whatever_its_case():
    assert format_of(Path("a.b/v.GGUF")) is gguf_file
    assert format_of(Path("v.1.npy")) is numpy_file
    assert format_of(Path("v.pt")) is format_of(Path("v.pth")) is torch_file
    for kind in FORMATS.values():
        assert callable(kind.read) and callable(kind.encoded)


@pytest.mark.parametrize("name", ["v.npz", "v.pkl", "v.bin", "v", ".npy", "v.npy.gz"])
def test_another_suffix_is_one_sentence(name):
    with pytest.raises(InvalidInput, match=r"must end in \.safetensors, \.gguf, .*, got .*; save"):
        format_of(Path(name))

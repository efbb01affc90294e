"""Divergences in float64 from a float32 model are those of its float64 copy."""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.measurements import divergences, exact_divergences
from llm_validation.measurements.float64_model import in_float64
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(7)[0].tolist()


def test_they_are_those_of_the_float64_copy_and_not_float32s():
    narrow = tiny_language_model("llama", torch.float32)
    settings = {"ids": IDS, "layer": 1, "displacements": 1e-3 * np.eye(WIDTH)[:4]}
    found = exact_divergences.measure(narrow, **settings)
    wide = divergences.measure(narrow.to_dtype("float64"), **settings)["kl"]
    np.testing.assert_array_equal(found["kl"], wide)
    assert set(found) == {"kl"}
    rounded = divergences.measure(narrow, **settings)["kl"]
    assert not np.allclose(found["kl"], rounded, rtol=1e-6, atol=0)


def test_the_copy_is_made_once():
    narrow = tiny_language_model("gpt2", torch.float32)
    assert in_float64(narrow) is in_float64(narrow)
    wide = tiny_language_model("gpt2")
    assert in_float64(wide) is wide

"""True float64: every way to ask for float32, and an RMSNorm against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_validation.precision import TrueFloat64, true_precision
from tests.llm_validation.architectures import WIDTH, tiny

REQUESTS = {
    "float()": lambda x: x.float(),
    "to(dtype)": lambda x: x.to(torch.float32),
    "to(dtype=)": lambda x: x.to(dtype=torch.float32),
    "to(device, dtype)": lambda x: x.to("cpu", torch.float32),
    "type(dtype)": lambda x: x.type(torch.float32),
    "softmax(dtype=)": lambda x: torch.nn.functional.softmax(x, dim=-1, dtype=torch.float32),
    "arange(dtype=)": lambda x: torch.arange(3, dtype=torch.float32),
    "sum(dtype=)": lambda x: x.sum(dtype=torch.float32),
}


@pytest.mark.parametrize("request_float32", REQUESTS.values(), ids=REQUESTS)
def test_every_request_for_float32_gets_float64_while_entered(request_float32):
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    with TrueFloat64():
        assert request_float32(x).dtype == torch.float64
    assert request_float32(x).dtype == torch.float32


def test_other_dtypes_pass():
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    with TrueFloat64():
        assert x.to(torch.long).dtype == torch.long
        assert x.bfloat16().dtype == torch.bfloat16


def test_a_norm_in_float64_is_its_formula_only_with_the_mode():
    model = tiny("llama")
    norm = model.model.norm
    x = torch.randn(WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = x.numpy() / np.sqrt(np.mean(x.numpy() ** 2) + norm.variance_epsilon)
    expected = plain * norm.weight.numpy()
    with true_precision(model):
        assert np.abs(norm(x).numpy() - expected).max() < 1e-15 * WIDTH
    assert np.abs(norm(x).numpy() - expected).max() > 1e-9  # what the mode is there for


def test_other_models_are_left_alone():
    x = torch.ones(2, dtype=torch.float64)
    with true_precision(tiny("llama", torch.float32)):
        assert x.float().dtype == torch.float32

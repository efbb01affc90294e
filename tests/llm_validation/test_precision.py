"""True float64: every way to ask for float32, and an RMSNorm against its formula."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from llm_validation.hooks import steer
from llm_validation.precision import TrueFloat64, true_precision
from tests.llm_validation.architectures import WIDTH, prompt, tiny
from tests.llm_validation.full_forward import relative_error

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


@pytest.mark.parametrize("ends", [[3, 3, 7, 10], [0, 0, 0, 10], [10, 10, 10, 10]])
def test_the_grouped_product_is_each_row_times_the_weight_of_its_expert(ends):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(10, 6, generator=generator, dtype=torch.float64).requires_grad_()
    weights = torch.randn(4, 6, 5, generator=generator, dtype=torch.float64)
    offs = torch.tensor(ends, dtype=torch.int32)
    with pytest.raises(RuntimeError):  # the kernel that torch does not have
        torch.nn.functional.grouped_mm(rows, weights, offs=offs)
    with TrueFloat64():
        found = torch.nn.functional.grouped_mm(rows, weights, offs=offs)
    expert = torch.bucketize(torch.arange(10), offs, right=True)
    expected = torch.einsum("sn,snm->sm", rows, weights[expert])
    assert (found - expected).abs().max() < 1e-14
    found.sum().backward()
    assert rows.grad is not None
    assert (rows.grad - weights.sum(2)[expert]).abs().max() < 1e-14


@pytest.mark.parametrize("name", ["mixtral", "gpt_oss"])
def test_experts_in_float64_are_those_of_the_loop_that_transformers_has(name):
    model = tiny(name)
    with torch.no_grad(), true_precision(model):
        found = model(input_ids=prompt()).logits
        model.set_experts_implementation("eager")
        try:
            expected = model(input_ids=prompt()).logits
        finally:
            model.set_experts_implementation("grouped_mm")
    with torch.no_grad():
        narrow = tiny(name, torch.float32)(input_ids=prompt()).logits
    assert found.dtype == torch.float64
    assert relative_error(found, expected) < 1e-13
    assert 1e-9 < relative_error(found, narrow) < 1e-4


def test_the_mode_belongs_to_the_thread_that_entered_it():
    x = torch.ones(2, dtype=torch.float64)
    with TrueFloat64(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(x.float).result().dtype == torch.float32
        assert x.float().dtype == torch.float64


def test_two_threads_steer_two_models():
    """float64 of one thread must not reach the float32 of the other, nor its vector."""
    vector = np.random.default_rng(0).standard_normal(WIDTH)
    pairs = [(tiny("gemma2"), 1.0), (tiny("mistral", torch.float32), -2.0)]

    def steered(model, alpha: float) -> torch.Tensor:
        with torch.no_grad(), steer(model, vector, 1, alpha, "last"):
            return model(input_ids=prompt()).logits

    alone = [steered(*pair) for pair in pairs]
    together = threading.Barrier(2)

    def many(model, alpha: float) -> list[torch.Tensor]:
        with torch.no_grad(), steer(model, vector, 1, alpha, "last"):
            together.wait(timeout=60)  # both contexts are open before either model runs
            found = [model(input_ids=prompt()).logits for _ in range(20)]
            together.wait(timeout=60)
        return found

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda pair: many(*pair), pairs))
    for found, expected in zip(results, alone, strict=True):
        assert all(torch.equal(logits, expected) for logits in found)
    assert results[0][0].dtype == torch.float64 and results[1][0].dtype == torch.float32


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

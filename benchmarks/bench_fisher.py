"""The exact Fisher metric of one prompt against what people do instead, and against its floor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.conftest import LAYER, timed
from benchmarks.probing import Products, finite_differences, forward_mode, full_forward
from llm_validation.continuation import Continuation

PROBES, TIMED_PROBES = 1000, 20
pytestmark = pytest.mark.benchmark(group="Fisher metric of one prompt")


def test_ours_exact(benchmark, continuation):
    """Batched reverse mode to the final state, the softmax Fisher folded in."""
    metric = timed(benchmark, continuation.fisher)
    assert metric.shape == (576, 576)


def test_ours_matrix_products_alone(benchmark, continuation):
    """The floor: the same dense products, replayed by shape."""
    with Products() as products:
        continuation.fisher()
    benchmark.extra_info["gflop"] = products.flops / 1e9
    timed(benchmark, products.replay())


def test_finite_differences_as_in_the_paper(benchmark, model, ids, continuation):
    """1000 random probes, two full forward passes each; 20 timed."""
    logits = full_forward(model, ids, LAYER)
    directions = torch.randn(TIMED_PROBES, 576, generator=torch.Generator().manual_seed(0))
    directions /= directions.norm(dim=1, keepdim=True)
    timed(
        benchmark, finite_differences, logits, continuation.state, directions, 1e-2,
        rounds=2, times=PROBES // TIMED_PROBES,
    )  # fmt: skip


def test_forward_mode_full(benchmark, model, ids, continuation):
    """The Jacobian of all logits by forward mode through the whole model; a twelfth timed."""
    logits = full_forward(model, ids, LAYER)
    timed(benchmark, forward_mode, logits, continuation.state, 48, rounds=2, times=576 // 48)


def test_forward_mode_suffix(benchmark, continuation):
    """The same through the suffix only."""
    timed(benchmark, forward_mode, continuation, continuation.state, 576, rounds=3)


def test_accuracy(benchmark, model, ids, continuation):
    """Relative errors (Frobenius) against a dense Jacobian in true float64, shown in the table."""
    double = Continuation(model.to_dtype("float64"), ids, LAYER)
    state = double.state
    exact = _dense_fisher(forward_mode(double, state, 576), double.logits)
    errors = {
        "float32": _relative(continuation.fisher(), exact),
        "float64": _relative(double.fisher(), exact),
    }
    # Every basis direction probed, at the best of five steps: kinder than a thousand at random.
    steps = [0.01, 0.03, 0.1, 0.3, 1.0]
    probed = [_probed_fisher(continuation, step) for step in steps]
    errors["finite differences"] = min(_relative(metric, exact) for metric in probed)
    benchmark.extra_info["relative_error"] = errors
    timed(benchmark, double.fisher, rounds=1)
    assert errors["float32"] < 1e-4
    assert errors["float64"] < 1e-10


def _probed_fisher(continuation: Continuation, step: float) -> np.ndarray:
    basis = step * torch.eye(len(continuation.state))
    with torch.no_grad():
        ahead = continuation(continuation.state + basis)
        behind = continuation(continuation.state - basis)
    return _dense_fisher(((ahead - behind) / (2 * step)).T, continuation.logits)


def _dense_fisher(jacobian: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
    p = torch.softmax(logits.double(), -1)
    rows = jacobian.detach().double()
    centred = p.sqrt()[:, None] * (rows - p @ rows)
    return (centred.T @ centred).numpy()


def _relative(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))

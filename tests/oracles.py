"""Independent answers for tests: dense, exact or by brute force, never the code under test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch


def finite_difference_jacobian(
    function: Callable[[torch.Tensor], torch.Tensor], state: torch.Tensor, step: float = 1e-5
) -> np.ndarray:
    """(m, d) by central differences of the function's values alone; error of order step²."""
    columns = []
    for unit in torch.eye(state.numel(), dtype=state.dtype):
        change = function(state + step * unit) - function(state - step * unit)
        columns.append(change / (2 * step))
    return torch.stack(columns, dim=1).numpy()


def softmax_kl(first: np.ndarray, second: np.ndarray) -> float:
    """KL(softmax(first) ‖ softmax(second)) in nats, from the definition."""
    p = np.exp(first - np.logaddexp.reduce(first))
    q = np.exp(second - np.logaddexp.reduce(second))
    return float(np.sum(p * (np.log(p) - np.log(q))))


def integer_matrix_of_rank(
    rng: np.random.Generator, rows: int, width: int, rank: int
) -> np.ndarray:
    """(rows, width) with rank exactly ``rank`` by construction: unit triangular factors."""
    left = np.tril(rng.integers(-3, 4, (rows, rank)), -1)
    right = np.triu(rng.integers(-3, 4, (rank, width)), 1)
    np.fill_diagonal(left, 1)
    np.fill_diagonal(right, 1)
    return left @ right

"""Lists that tests run through: a new implementation is added here once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from identifiability import FisherOperator, JacobianOperator, average, stack


@dataclass(frozen=True)
class SmoothMap:
    """A differentiable map R^d -> R^m, and a state."""

    name: str
    function: Callable[[torch.Tensor], torch.Tensor]
    state: torch.Tensor


def _mlp(width: int, hidden: int, outputs: int, seed: int) -> SmoothMap:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    first, second = draw(hidden, width), draw(outputs, hidden)
    return SmoothMap(
        f"mlp {width}-{hidden}-{outputs}", lambda h: second @ torch.tanh(first @ h), draw(width)
    )


def _affine(width: int, outputs: int, seed: int) -> SmoothMap:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(outputs, width, generator=generator, dtype=torch.float64)
    return SmoothMap(
        f"affine {width}-{outputs}", lambda h: matrix @ h + 1, torch.zeros(width).double()
    )


SMOOTH_MAPS = [
    _affine(5, 3, 0),
    _affine(3, 5, 1),
    _mlp(6, 8, 4, 2),
    _mlp(4, 2, 7, 3),
    _mlp(1, 3, 1, 4),
]

OPERATORS = {
    "jacobian": lambda c: JacobianOperator(c.function, c.state),
    "jacobian at strength -2": lambda c: JacobianOperator(c.function, c.state, strength=-2.0),
    "jacobian in chunks": lambda c: JacobianOperator(c.function, c.state, chunk_size=2),
    "stack": lambda c: stack(
        [JacobianOperator(c.function, c.state), JacobianOperator(c.function, c.state + 1)]
    ),
    "softmax fisher": lambda c: FisherOperator(JacobianOperator(c.function, c.state)),
    "gaussian fisher": lambda c: FisherOperator(
        JacobianOperator(c.function, c.state),
        precision=np.diag(np.arange(1.0, 1 + c.function(c.state).numel())),
    ),
    "average": lambda c: average(
        [
            FisherOperator(JacobianOperator(c.function, c.state)),
            FisherOperator(JacobianOperator(c.function, c.state - 1)),
        ]
    ),
}

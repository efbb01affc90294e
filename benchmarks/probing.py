"""The alternatives to an exact Fisher metric, written as their users write them, and the floor.

* finite differences: random directions, two full forward passes each, as the paper's experiments;
* forward mode: the Jacobian of all logits, through the whole model or through its suffix;
* the floor: the matrix products of our own method and nothing else, replayed by shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from llm_validation.hooks import edit_output
from llm_validation.structure import decoder_of

_aten = torch.ops.aten
_PRODUCTS = (_aten.mm.default, _aten.addmm.default, _aten.bmm.default, _aten.baddbmm.default)


def full_forward(model: Any, ids: list[int], layer: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """h (d,) -> logits (V,), by a forward pass of the whole prompt each time."""
    decoder = decoder_of(model)
    tokens = torch.tensor([ids])

    def logits(state: torch.Tensor) -> torch.Tensor:
        def replace(hidden: torch.Tensor) -> torch.Tensor:
            return torch.cat([hidden[:, :-1], state.expand(1, 1, -1)], dim=1)

        with edit_output(decoder.blocks[layer], replace):
            return decoder.model(input_ids=tokens, use_cache=False).logits[0, -1]

    return logits


@torch.no_grad()
def finite_differences(
    logits: Callable[[torch.Tensor], torch.Tensor],
    state: torch.Tensor,
    directions: torch.Tensor,
    step: float,
) -> torch.Tensor:
    """(n, V) central differences of the logits along the rows of ``directions`` (n, d)."""
    rows = [
        (logits(state + step * direction) - logits(state - step * direction)) / (2 * step)
        for direction in directions
    ]
    return torch.stack(rows)


def forward_mode(
    logits: Callable[[torch.Tensor], torch.Tensor], state: torch.Tensor, columns: int
) -> torch.Tensor:
    """(V, columns) the first columns of the Jacobian by forward mode, 48 at a time."""

    def column(tangent: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(logits, (state,), (tangent,))[1]

    basis = torch.eye(len(state), dtype=state.dtype)[:columns]
    return torch.cat([torch.func.vmap(column)(part) for part in basis.split(48)]).T


class Products(TorchDispatchMode):
    """Notes every dense matrix product that runs while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _PRODUCTS:
            self.calls.append((func, tuple(map(_described, args)), dict(kwargs or {})))
        return func(*args, **(kwargs or {}))

    @property
    def flops(self) -> float:
        """Multiplications and additions, together."""
        total = 0.0
        for func, args, _ in self.calls:
            left, right = args[-2:] if func in _PRODUCTS[:1] + _PRODUCTS[2:3] else args[1:3]
            size = 2.0
            for length in left[0]:
                size *= length
            total += size * right[0][-1]
        return total

    def replay(self) -> Callable[[], None]:
        """The same products on operands of the same shapes and strides, allocated beforehand."""
        operands: dict[Any, torch.Tensor] = {}

        def operand(description: Any) -> Any:
            if not isinstance(description, tuple):
                return description
            if description not in operands:
                shape, stride, dtype = description
                made = torch.empty_strided(shape, stride, dtype=dtype)
                operands[description] = made.normal_(generator=torch.Generator().manual_seed(0))
            return operands[description]

        calls = [(func, [operand(a) for a in args], named) for func, args, named in self.calls]

        @torch.no_grad()
        def run() -> None:
            for func, args, named in calls:
                func(*args, **named)

        return run


def _described(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return tuple(argument.shape), tuple(argument.stride()), argument.dtype
    return argument

"""The oracle of every continuation: the whole prompt through the model, one state replaced.

It shares no code with the package: plain hooks of torch, no cache, no prefix, the model's own
attention, float64 by replacing ``Tensor.float`` and ``Tensor.to`` for the time of the pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch


@contextmanager
def _no_float32() -> Iterator[None]:
    """Casts to float32 do nothing; softmaxes that ask for it get float64."""
    to, as_float, softmax = torch.Tensor.to, torch.Tensor.float, torch.nn.functional.softmax

    def wide_to(tensor: torch.Tensor, *args: Any, **named: Any) -> torch.Tensor:
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        if named.get("dtype") is torch.float32:
            named["dtype"] = torch.float64
        return to(tensor, *args, **named)

    def wide_softmax(*args: Any, **named: Any) -> torch.Tensor:
        if named.get("dtype") is torch.float32:
            named["dtype"] = torch.float64
        return softmax(*args, **named)

    torch.Tensor.to, torch.Tensor.float = wide_to, lambda tensor: to(tensor, torch.float64)
    torch.nn.functional.softmax = wide_softmax
    try:
        yield
    finally:
        torch.Tensor.to, torch.Tensor.float = to, as_float
        torch.nn.functional.softmax = softmax


@contextmanager
def _wide(model: Any) -> Iterator[None]:
    """float64 throughout; experts by the plain loop, as the grouped product has no float64."""
    experts = model.config._experts_implementation
    model.set_experts_implementation("eager")
    try:
        with _no_float32():
            yield
    finally:
        model.set_experts_implementation(experts)


def blocks_of(model: Any) -> Any:
    """By name, where the package goes by structure."""
    base = model.base_model
    for path in ("layers", "h", "decoder.layers", "language_model.layers"):
        part = base
        for name in path.split("."):
            part = getattr(part, name, None)
        if part is not None:
            return part
    raise LookupError(type(model).__name__)


def full_logits(
    model: Any, ids: torch.Tensor, layer: int, position: int, state: torch.Tensor | None
) -> torch.Tensor:
    """(V,) logits after the last token, with the state (d,) after that block at that position."""

    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        if state is None:
            return output
        mask = torch.zeros(hidden.shape[1], 1, dtype=torch.bool, device=hidden.device)
        mask[position] = True
        hidden = torch.where(mask, state, hidden)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handle = blocks_of(model)[layer].register_forward_hook(hook)
    wide = _wide(model) if model.dtype == torch.float64 else nullcontext()
    try:
        with wide:
            return model(input_ids=ids, use_cache=False).logits[0, -1]
    finally:
        handle.remove()


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, relative to the largest entry expected; on the CPU."""
    found, expected = found.cpu(), expected.cpu()
    return ((found - expected).abs().max() / expected.abs().max()).item()

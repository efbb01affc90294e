"""Small models with known ground truth: each ``sample(seed)`` gives an instance that carries it.

Names are loaded on first use, because the models need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toy_models.blocks import TransformerBlocks
    from toy_models.bottleneck import BottleneckMLP
    from toy_models.planted import Planted
    from toy_models.readouts import AffineReadout, SoftmaxReadout, TanhReadout

_HOME = {
    "AffineReadout": "readouts",
    "BottleneckMLP": "bottleneck",
    "Planted": "planted",
    "SoftmaxReadout": "readouts",
    "TanhReadout": "readouts",
    "TransformerBlocks": "blocks",
}

__all__ = [
    "AffineReadout",
    "BottleneckMLP",
    "Planted",
    "SoftmaxReadout",
    "TanhReadout",
    "TransformerBlocks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

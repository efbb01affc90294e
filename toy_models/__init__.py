"""Small models with known ground truth: each ``sample(seed)`` gives an instance that carries it.

Names are loaded on first use, because the models need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toy_models.blocks import TransformerBlocks
    from toy_models.bottleneck import BottleneckMLP
    from toy_models.environment_readouts import EnvironmentReadouts
    from toy_models.environments import StructuralEnvironments
    from toy_models.layered import LayeredStack, SteeredLayers
    from toy_models.linear_mixing import LinearMixing
    from toy_models.planted import Planted
    from toy_models.readouts import AffineReadout, SoftmaxReadout, TanhReadout
    from toy_models.sparse_layers import SparseLayers
    from toy_models.superposition import Superposition
    from toy_models.tiny_transformer import TinyTransformer
    from toy_models.traits import TraitEnvironments

_HOME = {
    "AffineReadout": "readouts",
    "BottleneckMLP": "bottleneck",
    "EnvironmentReadouts": "environment_readouts",
    "LayeredStack": "layered",
    "LinearMixing": "linear_mixing",
    "Planted": "planted",
    "SoftmaxReadout": "readouts",
    "SparseLayers": "sparse_layers",
    "SteeredLayers": "layered",
    "StructuralEnvironments": "environments",
    "Superposition": "superposition",
    "TanhReadout": "readouts",
    "TinyTransformer": "tiny_transformer",
    "TraitEnvironments": "traits",
    "TransformerBlocks": "blocks",
}

__all__ = [
    "AffineReadout",
    "BottleneckMLP",
    "EnvironmentReadouts",
    "LayeredStack",
    "LinearMixing",
    "Planted",
    "SoftmaxReadout",
    "SparseLayers",
    "SteeredLayers",
    "StructuralEnvironments",
    "Superposition",
    "TanhReadout",
    "TinyTransformer",
    "TraitEnvironments",
    "TransformerBlocks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

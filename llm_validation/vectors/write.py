"""Steering vectors into a file of any format, in one step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.results import json_target, replacing
from llm_validation.vectors.contents import listed
from llm_validation.vectors.formats import format_of
from llm_validation.vectors.origin import description
from llm_validation.vectors.steering_vector import SteeringVector
from llm_validation.vectors.values import check_range


def write_vectors(
    path: str | os.PathLike[str], vectors: SteeringVector | Sequence[SteeringVector]
) -> None:
    """Write steering vectors of one recipe, one a layer, with where they came from.

    ``read_vectors`` gives back equal values from .safetensors, .pt, .pth, .json and .npy, which
    hold float64; from .gguf they come back rounded to float32, the only type that llama.cpp reads.
    A .npy file holds one vector and nothing else: no layer, no model. Whoever reads ``path`` meets
    the old file or the new one, never a part.

    Parameters
    ----------
    path
        Its suffix says the format: .safetensors, .gguf, .npy, .pt, .pth or .json.
    vectors
        One, or several of different layers that share model, trait and method.

    Raises
    ------
    InvalidInput
        If the format cannot hold them (layer 0 in GGUF, several in .npy), they do not belong into
        one file, one is zero or not finite, or the path cannot be written.
    """
    path = Path(path)
    kind = format_of(path)
    several = [vectors] if isinstance(vectors, SteeringVector) else list(vectors)
    if not several:
        raise InvalidInput("vectors must hold at least one steering vector, got none")
    layers = [vector.layer for vector in several]
    if len(set(layers)) < len(layers) or min(layers) < 0:
        raise InvalidInput(
            f"vectors must be of different layers from 0, got {listed(layers)}; a file for each"
        )
    widths = {vector.vector.shape for vector in several}
    if len(widths) > 1 or len(several[0].vector.shape) != 1:
        raise InvalidInput(
            f"vectors must be (d,) of one width, got {listed(widths)}; a file for each model"
        )
    for vector in several:
        check_range(f"the vector of layer {vector.layer}", vector.vector)
    ordered = sorted(several, key=lambda vector: vector.layer)
    arrays = {v.layer: np.asarray(v.vector, dtype=np.float64) for v in ordered}
    content = kind.encoded(arrays, description(ordered))
    with replacing(path) as stream:
        stream.write(content)


def check_target(path: Path, layers: Sequence[int]) -> None:
    """Refuse, before anything is computed, a file that could not be written with these layers.

    Raises
    ------
    InvalidInput
        If the suffix is unknown, the format cannot hold the layers, or the folder is not there or
        cannot be written.
    """
    kind = format_of(path)
    kind.encoded({layer: np.ones(2) for layer in layers or [1]}, {})
    json_target(path)

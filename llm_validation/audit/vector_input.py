"""The vector that is audited, whatever it was given as."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_vector
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of
from llm_validation.vectors import SteeringVector, read_vector, read_vectors

Given: TypeAlias = str | os.PathLike[str] | SteeringVector | np.ndarray | list[float]


def the_vector(given: Given, model: LanguageModel, layer: int | None) -> SteeringVector:
    """Read and check it; ``layer`` is needed where the vector does not say it.

    Raises
    ------
    InvalidInput
        If it does not fit the model, is zero, or its layer is not known.
    """
    decoder = decoder_of(model)
    index = None if layer is None else decoder.layer_index(layer)
    if isinstance(given, str | os.PathLike):
        return _of_file(Path(given), model, index)
    if isinstance(given, SteeringVector):
        if index is not None and index != given.layer:
            raise InvalidInput(
                f"the vector is for layer {given.layer}, got layer {index}; leave layer out"
            )
        decoder.layer_index(given.layer)
        _checked(given.vector, model)
        return given
    if index is None:
        raise InvalidInput("an array does not say its layer; give layer=")
    return SteeringVector(_checked(given, model), index)


def named(given: Given) -> str:
    """The file's name, or what else to call it."""
    if isinstance(given, str | os.PathLike):
        return Path(given).name
    if isinstance(given, SteeringVector):
        return given.trait or "vector"
    return "vector"


def _of_file(path: Path, model: LanguageModel, layer: int | None) -> SteeringVector:
    if layer is not None:
        return read_vector(path, layer=layer, model=model)
    found = read_vectors(path, model=model)
    if len(found) > 1:
        layers = ", ".join(str(one.layer) for one in found)
        raise InvalidInput(f"{path} has vectors for layers {layers}; choose one with --layer")
    return found[0]


def _checked(values: Any, model: LanguageModel) -> np.ndarray:
    vector = as_vector(values, "vector", width=model.width)
    if not vector.any():
        raise InvalidInput("vector must not be zero, which steers nothing; extract it again")
    return vector

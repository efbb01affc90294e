"""Steering vectors from a file of any format, checked against the model that they are for."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.models import LanguageModel
from llm_validation.vectors.contents import Contents, listed
from llm_validation.vectors.formats import format_of
from llm_validation.vectors.layer_names import layer_of
from llm_validation.vectors.origin import check_convention, origin
from llm_validation.vectors.steering_vector import LAYER_CONVENTION, SteeringVector
from llm_validation.vectors.values import checked, is_stack, is_zero


def read_vectors(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    layer: int | None = None,
    model: LanguageModel | None = None,
    width: int | None = None,
) -> list[SteeringVector]:
    """Every steering vector of a file, by rising layer.

    Layers are those that the file names: ``layer.15`` (as written here), ``direction.15`` (GGUF),
    ``15``, ``model.layers.15`` and the like, all taken as "after block 15, counted from 0". An
    array (layers, d) without names needs the model: with one row for each block, row i is after
    block i; with one more, they are the ``hidden_states`` of transformers, of which row 0 is the
    embedding and is left out. Zero vectors, with which some files mark layers they do not steer,
    are left out where others are not zero.

    Parameters
    ----------
    path
        .safetensors, .gguf (control vectors of repeng and llama.cpp), .npy, .pt or .pth (tensors
        only; nothing in them is run), .json.
    key
        Name of the one array wanted, where there are several that name no layer.
    layer
        The layer of a file's only vector, where the file does not name it.
    model
        The model that they are for: width, number of layers and weights have to fit.
    width
        d, where there is no model to take it from.

    Raises
    ------
    InvalidInput
        If the file cannot be used or does not fit the model, with what to do about it.
    """
    file = _File.opened(path, key, model, width)
    places = file.places(None if layer is None else _index(layer, model))
    found = [file.vector(at) for at in sorted(places) if not is_zero(places[at].values)]
    if not found:
        raise InvalidInput(
            f"{path} holds nothing but zero vectors, which steer nothing; extract it again"
        )
    return found


def read_vector(
    path: str | os.PathLike[str],
    *,
    layer: int,
    width: int | None = None,
    model: LanguageModel | None = None,
    key: str | None = None,
) -> SteeringVector:
    """The steering vector of one layer; of the other layers in the file only the names are read.

    Parameters
    ----------
    path, width, model, key
        As ``read_vectors``.
    layer
        "After block i", counted from 0; with a model also from the end, -1 being the last.

    Raises
    ------
    InvalidInput
        As ``read_vectors``, and if the file has no vector for the layer, or a zero one.
    """
    index = _index(layer, model)
    file = _File.opened(path, key, model, width)
    places = file.places(index)
    if index not in places:
        raise InvalidInput(
            f"{path} has no vector for layer {index} ({LAYER_CONVENTION}); it has layers "
            f"{listed(sorted(places))}: choose one of them"
        )
    return file.vector(index)


@dataclass(frozen=True)
class _Place:
    """One vector of a file, as stored, and its name there."""

    name: str
    values: np.ndarray


class _File:
    """An open file, the key asked for, and what it is checked against."""

    def __init__(
        self, path: Path, contents: Contents, model: LanguageModel | None, width: int | None
    ) -> None:
        self._path = path
        self._contents = contents
        self._model = model
        self._width = model.width if model is not None else width
        self._found: dict[int, _Place] = {}

    @classmethod
    def opened(
        cls,
        path: str | os.PathLike[str],
        key: str | None,
        model: LanguageModel | None,
        width: int | None,
    ) -> _File:
        path = Path(path)
        contents: Contents = format_of(path).read(path)
        check_convention(path, contents.metadata)
        if key is not None:
            if "" in contents.arrays:
                raise InvalidInput(f"{path} holds one array, which has no name; leave key= out")
            if key not in contents.arrays:
                raise unknown("key", key, list(contents.arrays)[:12])
            kept = {key: contents.arrays[key]}
            contents = Contents(kept, contents.metadata, contents.layer)
        weights = contents.metadata.get("weights_sha256")
        if model is not None and weights is not None and weights != model.weights_sha256:
            raise InvalidInput(
                f"{path} was extracted from {contents.metadata.get('model', 'a model')[:60]!r} with"
                f" the weights {weights[:12]}, {model.name} has {model.weights_sha256[:12]}; load "
                "that model, or save the bare vector as .npy to use it on another on purpose"
            )
        return cls(path, contents, model, width)

    def places(self, layer: int | None) -> dict[int, _Place]:
        """By layer; ``layer`` is that of a lone vector of which the file does not say it."""
        arrays = self._contents.arrays
        found: dict[int, _Place] = {}
        for name, values in arrays.items():
            number = layer_of(name)
            if number in found:
                raise InvalidInput(
                    f"{self._path} has {found[number].name!r} and {name!r} for one layer; "
                    "choose one with key="
                )
            if number is not None:
                found[number] = _Place(name, values)
        self._found = found or self._lone(arrays, layer)
        if self._model is not None and max(self._found) >= self._model.layers:
            raise InvalidInput(
                f"{self._path} has a vector for layer {max(self._found)}, {self._model.name} has "
                f"layers 0 to {self._model.layers - 1} ({LAYER_CONVENTION}); it is another model's"
            )
        return self._found

    def _lone(self, arrays: Mapping[str, np.ndarray], layer: int | None) -> dict[int, _Place]:
        if "vector" in arrays:
            arrays = {"vector": arrays["vector"]}
        if len(arrays) > 1:
            raise InvalidInput(
                f"{self._path} holds {listed(arrays)}, of which none names a layer; "
                "choose one with key="
            )
        ((name, values),) = arrays.items()
        rows = values.reshape(values.shape[-2:]) if is_stack(values) else None
        if rows is not None:
            return {i: _Place(f"row {j}", rows[j]) for i, j in self._rows(rows.shape)}
        number = self._contents.layer if self._contents.layer is not None else layer
        if number is None:
            raise InvalidInput(f"{self._path} does not say the layer of its vector; give layer=")
        return {_index(number, self._model): _Place(name, values)}

    def _rows(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """Layer and row of a stack without names."""
        if self._model is None:
            raise InvalidInput(
                f"{self._path} holds an array {shape} without the names of layers; give the model, "
                "which tells whether row 0 is the embedding, or save the one row that is meant"
            )
        layers = self._model.layers
        if shape[0] not in (layers, layers + 1):
            raise InvalidInput(
                f"{self._path} must hold one vector ({self._width},), or {layers} rows (after each "
                f"block) or {layers + 1} (hidden_states) for {self._model.name}, got {shape}; "
                "save the row that is meant"
            )
        first = shape[0] - layers
        return [(layer, layer + first) for layer in range(layers)]

    def vector(self, layer: int) -> SteeringVector:
        place = self._found[layer]
        name = repr(place.name[:60]) if place.name else "its vector"
        owner = "the model" if self._model is None else self._model.name
        values = checked(f"{self._path}: {name}", place.values, self._width, owner)
        if not values.any():
            others = [at for at, other in self._found.items() if not is_zero(other.values)]
            mend = f"choose from layers {listed(sorted(others))}" if others else "extract it again"
            raise InvalidInput(
                f"{self._path}: {name} (layer {layer}) is zero and steers nothing; {mend}"
            )
        return SteeringVector(
            values, layer, **origin(self._path, self._contents.metadata, layer, values)
        )


def _index(layer: Any, model: LanguageModel | None) -> int:
    """The layer counted from 0."""
    if isinstance(layer, bool) or not hasattr(layer, "__index__"):
        raise InvalidInput(f"layer must be an integer, got {layer!r}")
    index = operator.index(layer)
    low, high = (0, None) if model is None else (-model.layers, model.layers - 1)
    if index < low or (high is not None and index > high):
        expected = "0 or more without a model" if high is None else f"between {low} and {high}"
        raise InvalidInput(f"layer must be {expected} ({LAYER_CONVENTION}), got {index}")
    return index if model is None else index % model.layers

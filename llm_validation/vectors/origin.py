"""Where vectors came from, as the strings that travel with them in a file.

Every format carries the same flat record: ``format`` and ``layer_convention`` to recognise it by,
what the vectors of one file have in common (``model``, ``trait``, ...), and ``norm.15`` and
``state_norm.15`` for the vector of layer 15.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.vectors.steering_vector import LAYER_CONVENTION, SteeringVector

FORMAT = "identifiability steering vectors 1"
COMMON = ("model", "architecture", "weights_sha256", "trait", "method", "positions", "dtype")

# A file in float32 changes ‖v‖ by at most 2^-24 of it, its square and root in float64 by far less.
_NORM_TOLERANCE = 1e-6


def description(vectors: Sequence[SteeringVector]) -> dict[str, str]:
    """The record to write with vectors of one recipe, whose common fields are the same.

    Raises
    ------
    InvalidInput
        If they are not.
    """
    record = {"format": FORMAT, "layer_convention": LAYER_CONVENTION}
    for name in (*COMMON, "n_pairs"):
        values = {getattr(vector, name) for vector in vectors}
        if len(values) > 1:
            got = " and ".join(sorted(map(repr, values))[:2])
            raise InvalidInput(
                f"vectors of one file must have one {name}, got {got}; write a file for each"
            )
        (value,) = values
        if value is not None:
            record[name] = str(value)
    for vector in vectors:
        record[f"norm.{vector.layer}"] = repr(vector.norm)
        if vector.state_norm is not None:
            record[f"state_norm.{vector.layer}"] = repr(float(vector.state_norm))
    return record


def origin(
    path: Path, metadata: Mapping[str, str], layer: int, values: np.ndarray
) -> dict[str, Any]:
    """Fields of the ``SteeringVector`` at a layer, from the record of its file.

    Raises
    ------
    InvalidInput
        If the record contradicts itself or the values.
    """
    if metadata.get("format") != FORMAT:
        return {name: metadata[name] for name in ("architecture",) if name in metadata}
    found: dict[str, Any] = {name: metadata[name] for name in COMMON if name in metadata}
    if "n_pairs" in metadata:
        found["n_pairs"] = _number(path, metadata, "n_pairs", int)
    if f"state_norm.{layer}" in metadata:
        found["state_norm"] = _number(path, metadata, f"state_norm.{layer}", float)
    if f"norm.{layer}" in metadata:
        stated = _number(path, metadata, f"norm.{layer}", float)
        norm = float(np.linalg.norm(values))
        if abs(norm - stated) > _NORM_TOLERANCE * max(norm, stated):
            raise InvalidInput(
                f"{path} states the norm {stated:.6g} for layer {layer}, its values have "
                f"{norm:.6g}; they were changed after it was written: extract the vector again"
            )
    return found


def check_convention(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuse a file of ours that counts layers in another way, or is of a later format."""
    if "layer_convention" in metadata and metadata["layer_convention"] != LAYER_CONVENTION:
        raise InvalidInput(
            f"{path} must count layers as {LAYER_CONVENTION!r}, got "
            f"{metadata['layer_convention'][:60]!r}; renumber its layers"
        )
    written = metadata.get("format", "")
    if written.startswith("identifiability ") and written != FORMAT:
        raise InvalidInput(
            f"{path} must be of the format {FORMAT!r}, got {written[:60]!r}; "
            "update this package or write the file again"
        )


def _number(path: Path, metadata: Mapping[str, str], name: str, kind: type) -> Any:
    try:
        value = kind(metadata[name])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InvalidInput(
            f"{path} must state a number for {name}, got {metadata[name][:60]!r}; write it again"
        )
    return value

"""Small vectors with a whole record, and files that went wrong in every way hypothesis finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from llm_validation.vectors import SteeringVector

SUFFIXES = (".safetensors", ".gguf", ".pt", ".pth", ".json", ".npy")
MANY = SUFFIXES[:-1]  # those that hold several layers and their record
ORIGIN = {
    "method": "pca",
    "n_pairs": 12,
    "model": "tiny-llama",
    "architecture": "llama",
    "weights_sha256": "ab" * 32,
    "trait": "formality",
    "positions": "last prompt token",
    "dtype": "float32",
}


def example(layers: Sequence[int] = (1, 3), width: int = 32) -> list[SteeringVector]:
    """One recipe at several layers; the same for the same layers and width."""
    rng = np.random.default_rng(width)
    return [
        SteeringVector(rng.standard_normal(width), layer, state_norm=10.5 + layer, **ORIGIN)
        for layer in layers
    ]


def origin_of(vector: SteeringVector) -> dict[str, object]:
    """All of its fields but the vector."""
    return {name: value for name, value in vars(vector).items() if name != "vector"}


def written(path: Path, content: bytes) -> Path:
    """The path, after the bytes have gone there."""
    path.write_bytes(content)
    return path


_NUMBERS = st.sampled_from(
    [bytes(8), b"\xff" * 8, (2**40).to_bytes(8, "little"), (2**62).to_bytes(8, "little")]
)
_EDIT = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.binary(max_size=4), _NUMBERS, st.just(None)),
    st.integers(0, 12),
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with bytes flipped, overwritten, put in, taken out or cut off."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=200))
    broken = bytearray(content)
    for place, new, gone in draw(st.lists(_EDIT, min_size=1, max_size=6)):
        at = int(place * len(broken))
        if new is None and broken:
            broken[at] ^= 1 << gone % 8
        else:
            broken[at : at + gone] = new or b""
    return bytes(broken[: int(draw(st.floats(0.02, 1.5)) * len(broken)) + 1])

"""A direction in the residual stream, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LAYER_CONVENTION = "after block i, counted from 0"
"""What a layer number means everywhere in this project, in the words that files carry."""


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """A direction in the residual stream, with where it came from as far as that is known.

    Attributes
    ----------
    vector
        (d,) float64.
    layer
        "After block ``layer``", counted from 0.
    method
        How it was extracted: "mean", "pca", "logistic"; None where a file does not say.
    n_pairs
        Contrastive pairs that it was extracted from.
    model, architecture, weights_sha256
        Name of the model, its type as transformers calls it ("llama"), and its weights.
    state_norm
        Mean ‖h‖ of the states that it was extracted from: the scale to read its norm on.
    trait
        What it is meant to steer.
    positions
        The token whose states were read.
    dtype
        What the model computed in.
    """

    vector: np.ndarray
    layer: int
    method: str | None = None
    n_pairs: int | None = None
    model: str | None = None
    state_norm: float | None = None
    architecture: str | None = None
    weights_sha256: str | None = None
    trait: str | None = None
    positions: str | None = None
    dtype: str | None = None

    @property
    def norm(self) -> float:
        """‖v‖."""
        return float(np.linalg.norm(self.vector))

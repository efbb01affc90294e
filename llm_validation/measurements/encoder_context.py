"""What measurements on an encoder are made on: the encoder, and how its embedding is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.encoder import EncoderContinuation
from llm_validation.encoder_structure import encoder_of
from llm_validation.inputs import token_ids
from llm_validation.output_covariance import OutputCovariance
from llm_validation.precision import true_precision
from llm_validation.sentence_encoder import SentenceEncoder, load_encoder


@dataclass(frozen=True, eq=False)
class GaussianEncoder:
    """An encoder whose embedding is read as the mean of a Gaussian.

    Attributes
    ----------
    encoder
        From ``load_encoder``.
    covariance
        Of that Gaussian, the same for all texts. Nats mean this reading and nothing else.
    position
        The token whose state is displaced and read: 0 is the first, -1 the last.
    """

    encoder: SentenceEncoder
    covariance: OutputCovariance
    position: int = 0

    @cached_property
    def wide(self) -> GaussianEncoder:
        """The same weights in float64, read in the same way: for what rounding would hide."""
        return replace(self, encoder=self.encoder.to_dtype("float64"))

    def continuation(self, ids: Sequence[int], layer: int) -> EncoderContinuation:
        """From the state at the position, after that block, to the embedding of one text."""
        return EncoderContinuation(self.encoder, ids, layer, self.position)


def gaussian_encoder(
    name: str, dtype: str, weights_sha256: str, texts: Sequence[Sequence[int]], position: int
) -> GaussianEncoder:
    """The encoder of that name on the CPU, read by the covariance over these texts.

    Raises
    ------
    InvalidInput
        If the weights found here are not those that were asked for: results of two encoders would
        be mixed.
    """
    encoder = load_encoder(name, dtype=dtype)
    if encoder.weights_sha256 != weights_sha256:
        raise InvalidInput(
            f"model {name!r} must have weights of SHA-256 {weights_sha256[:12]}…, here it has "
            f"{encoder.weights_sha256[:12]}…; use the same files on every machine"
        )
    return GaussianEncoder(encoder, covariance_over(encoder, texts), position)


def covariance_over(encoder: SentenceEncoder, texts: Sequence[Sequence[int]]) -> OutputCovariance:
    """Covariance of the embeddings of texts, plus noise as large as an entry of an embedding.

    A few texts vary in a few directions, and a covariance of fewer texts than coordinates is
    singular. The noise has the root mean square of an embedding's entries as its standard
    deviation (1/√m at unit length), so that a direction in which these texts happen not to differ
    is taken to vary about as much as an average one. It is a rule, set before any measurement, and
    is printed with the results: with half of it, nats are up to four times as many.

    Parameters
    ----------
    encoder
        From ``load_encoder``.
    texts
        Token ids of n texts, two at least.
    """
    parts: Any = encoder_of(encoder)
    outputs = []
    with torch.no_grad(), true_precision(parts.model):
        for text in texts:
            hidden = parts.model(input_ids=token_ids(parts, text)).last_hidden_state
            outputs.append(parts.pool(hidden, hidden.new_ones(hidden.shape[:2]))[0])
    rows = torch.stack(outputs).double().cpu().numpy()
    return OutputCovariance.of(rows, noise=float(np.sqrt(np.mean(rows**2))))

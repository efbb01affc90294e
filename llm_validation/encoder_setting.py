r"""The setting of claims on an encoder: the same quantities, measured on a continuous embedding.

Claims ask for measurements by name and do not know what kind of model answers. Here each name
stands for the measurement of the same quantity on an encoder: states are those of the last token,
the metric is :math:`J^\top \Sigma^{-1} J`, and a divergence is
:math:`\tfrac12 \Delta y^\top \Sigma^{-1} \Delta y`, nats of a Gaussian of covariance Σ and of
nothing else (``theory.md`` N7). Σ is fixed before anything is measured, from the choosing texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from identifiability.cells import Cell
from identifiability.errors import InvalidInput
from llm_validation.dataset import Trait
from llm_validation.encoder_structure import encoder_of
from llm_validation.measurements.encoder_context import covariance_over
from llm_validation.output_covariance import OutputCovariance
from llm_validation.prompt_split import PromptSplit
from llm_validation.scale import Scale
from llm_validation.sentence_encoder import SentenceEncoder, text_ids
from llm_validation.setting import Setting

_MEASUREMENTS = "llm_validation.measurements"
ON_AN_ENCODER = {
    "last_states:measure": "embedding_states:measure",
    "token_states:measure": "embedding_states:tokens",
    "fisher_metric:measure": "embedding_metric:measure",
    "fisher_metric:rounding": "embedding_metric:rounding",
    "divergences:measure": "embedding_divergences:measure",
    "exact_divergences:measure": "embedding_divergences:exact",
    "rounding_divergence:measure": "embedding_divergences:rounding",
    "logit_jacobian:measure": "embedding_jacobian:measure",
    "probed_null_space:measure": "embedding_probes:measure",
    "odd_differences:measure": "embedding_odd_differences:measure",
    "radial_direction:measure": "pooled_radius:measure",
    "symmetry_group:measure": "encoder_symmetries:measure",
}
"""Measurements of a decoder, and those of an encoder that take the same settings and answer with
the same names."""


POSITION = -1
"""Whose state is displaced: the token that marks the end, as decoders are steered at the last one.

It was the first token in the first thin run on all-minilm-l6-v2. There the vectors have half a per
cent of the state's length (0.06 of 10.6 for formality after block 3; 3.0 of 9.0 at the last token):
no random direction reached 0.01 nats at twice the vector's length, so that what is invisible could
not be told from what is short. No row of claims 1, 2, 6, 7, 9 and 10 was refuted there.
"""


class EncoderSetting(Setting):
    """``Setting`` on an encoder; token ids are those of plain texts, with what marks their ends.

    Parameters
    ----------
    encoder
        From ``load_encoder``; used for its tokenizer, its identity, and for Σ.
    layers, traits, prompts, scale, seed, lookup
        As for ``Setting``.
    """

    position = "last token, the one that marks the end"
    softmax = False
    titles: Mapping[str, str] = {
        "planted_recovery": "a planted vector is recovered from the embedding"
    }

    def __init__(
        self,
        encoder: SentenceEncoder,
        layers: Sequence[int],
        traits: Mapping[str, Trait],
        prompts: PromptSplit,
        scale: Scale,
        seed: int,
        lookup: Callable[[Cell], Mapping[str, Any]],
    ) -> None:
        model: Any = encoder  # has all that claims on encoders ask of a model
        super().__init__(model, layers, traits, prompts, scale, seed, lookup)
        self.encoder = encoder

    @cached_property
    def covariance(self) -> OutputCovariance:
        """Σ, as the measurements have it."""
        return covariance_over(self.encoder, self.prompts.choosing)

    @property
    def reading(self) -> dict[str, Any]:
        """Σ, in numbers and in a sentence."""
        values = self.covariance.eigenvalues
        return {
            "output_covariance": {
                "texts": self.covariance.prompts,
                "noise": self.covariance.noise,
                "eigenvalues": [float(values[-1]), float(values[0])],
                "described": str(self.covariance),
            }
        }

    def observable(self, words: str) -> str:
        """Of the embedding in place of logits."""
        gaussian = (
            f"embedding, as the mean of a Gaussian (covariance over {self.covariance.prompts} "
            f"texts, noise {self.covariance.noise:.2g}): nats of that reading alone"
        )
        known = {
            "next-token distribution": gaussian,
            "all logits": "all coordinates of the embedding",
        }
        return known.get(words, words)

    def cell(
        self, measurement: str, label: str, *, function: str = "measure", **settings: Any
    ) -> Cell:
        """A cell that measures the same quantity on the encoder.

        Raises
        ------
        InvalidInput
            If it is no quantity of an encoder.
        """
        name = f"{measurement}:{function}"
        if name not in ON_AN_ENCODER:
            raise InvalidInput(
                f"{measurement.replace('_', ' ')} is measured on decoders only, and "
                f"{self.encoder.name!r} is an encoder; leave out the claim that asks for it"
            )
        context = {
            "factory": f"{_MEASUREMENTS}.encoder_context:gaussian_encoder",
            "name": self.encoder.name,
            "dtype": self.encoder.dtype,
            "weights_sha256": self.encoder.weights_sha256,
            "texts": list(self.prompts.choosing),
            "position": POSITION,
        }
        return Cell(f"{_MEASUREMENTS}.{ON_AN_ENCODER[name]}", settings, context, label)

    def encode(self, text: str) -> list[int]:
        """Token ids of a plain text."""
        return text_ids(encoder_of(self.encoder), text)

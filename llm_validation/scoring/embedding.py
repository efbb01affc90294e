"""Score of a text by where its embedding lies between two labelled opposites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.dataset import Trait
from llm_validation.sentence_encoder import SentenceEncoder, embed

# Below it the two means differ by the rounding of float32 embeddings of unit length (6e-8 an entry)
# and not by what the texts say.
_SMALLEST_AXIS = 1e-5


@dataclass(frozen=True, eq=False)
class EmbeddingProjection:
    """Projection on the axis from the mean negative to the mean positive embedding.

    Attributes
    ----------
    encoder
        What embeds the texts.
    axis
        (d,) unit vector, float64.
    centre, spread
        Mean and standard deviation of the projections of the texts that the axis was chosen on,
        both labels together: the score's zero and unit. In these texts the labels lie further apart
        than in others, because the axis was fitted to them; that is what ``Validity`` on held-out
        ones is for.
    """

    encoder: SentenceEncoder
    axis: np.ndarray
    centre: float
    spread: float

    @classmethod
    def of(cls, trait: Trait, encoder: SentenceEncoder) -> EmbeddingProjection:
        """The axis of a trait, from its completions of the split ``choose``.

        Raises
        ------
        InvalidInput
            If there are fewer than two such pairs, or the encoder sees no difference between the
            labels, or a text is longer than its context.
        """
        chosen = [pair for pair in trait.completions if pair.split == "choose"]
        if len(chosen) < 2:
            raise InvalidInput(
                f"trait {trait.name!r} must have at least two completions of split 'choose' to "
                f"choose an axis on, got {len(chosen)}; add some"
            )
        positive = embed(encoder, [pair.positive for pair in chosen]).astype(np.float64)
        negative = embed(encoder, [pair.negative for pair in chosen]).astype(np.float64)
        difference = positive.mean(axis=0) - negative.mean(axis=0)
        length = float(np.linalg.norm(difference))
        if length < _SMALLEST_AXIS:
            raise InvalidInput(
                f"completions of trait {trait.name!r} must differ in the embedding of "
                f"{encoder.name}, their means lie {length:.1g} apart; choose another encoder"
            )
        axis = difference / length
        projections = np.concatenate([positive, negative]) @ axis
        return cls(encoder, axis, float(projections.mean()), float(projections.std()))

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) float64, standardised; larger is more of the trait. Completions, no prompts.

        Raises
        ------
        InvalidInput
            If it is not a list of texts, or one is longer than the encoder's context.
        """
        projections = embed(self.encoder, texts).astype(np.float64) @ self.axis
        return (projections - self.centre) / self.spread

"""What is asked of a run of claims."""

from __future__ import annotations

from dataclasses import dataclass

from llm_validation.model_kind import is_encoder_name
from llm_validation.scale import Scale


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    model
        As ``load_model`` or ``load_encoder`` takes it; None is the embedded language model.
    layers
        "After block i", negative from the end. Those of the scale (``scale.QUARTERS``) if none.
    traits
        Shipped names or files; those of the scale if none.
    claims
        Names or numbers; those of the scale if none.
    scale
        How much is measured.
    seed
        Of everything random.
    """

    model: str | None = None
    layers: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    scale: Scale = Scale.THIN
    seed: int = 0

    @property
    def encoder(self) -> str | None:
        """The model's name if it is an encoder, whose output is an embedding; else None.

        Raises
        ------
        InvalidInput
            If there is no such model.
        """
        return self.model if is_encoder_name(self.model) else None

"""What is asked of a run of claims."""

from __future__ import annotations

from dataclasses import dataclass

from llm_validation.scale import Scale


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes
    ----------
    model
        As ``load_model`` takes it; None is the embedded one.
    layers
        "After block i", negative from the end. Empty: the middle one, at full scale those at a
        quarter, a half and three quarters.
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

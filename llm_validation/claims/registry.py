"""All claims in the order of the paper's argument; each module imports only what it measures."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.claims.claim import Claim
from llm_validation.claims.on_encoders import NOT_APPLICABLE, refusal
from llm_validation.scale import Scale

NAMES = (
    "epsilon_null",
    "orthogonal_not_invisible",
    "orthogonal_efficacy",
    "strength_sweep",
    "logit_distance",
    "null_space_dimension",
    "null_space_spanning",
    "environments",
    "extraction_methods",
    "symmetries",
    "planted_recovery",
    "independent_activations",
    "sparse_recovery",
    "layers",
    "observation_ladder",
    "covariance_environments",
    "null_space_stability",
)
"""Module names in this folder, in the order of their ``NUMBER``, from 1."""


def claims(
    wanted: Sequence[str] = (), scale: Scale = Scale.THIN, *, encoder: str | None = None
) -> list[Claim]:
    """The claims of those names or numbers; those that the scale includes if none is named.

    Parameters
    ----------
    wanted
        Names or numbers.
    scale
        Decides where none is named.
    encoder
        Name of the encoder that they are asked of, if it is one: those that do not apply are left
        out.

    Raises
    ------
    InvalidInput
        For a name or number that is no claim's, or a claim that does not apply and is asked for.
    """
    by_number = {str(number): name for number, name in enumerate(NAMES, start=1)}
    chosen = [by_number.get(word, word) for word in wanted]
    for word in chosen:
        if word not in NAMES:
            raise unknown("claim", word, [*NAMES, *by_number])
    if encoder is not None and (sentence := refusal(chosen, encoder)):
        raise InvalidInput(sentence)
    names = [name for name in NAMES if not wanted or name in chosen]
    if encoder is not None:
        names = [name for name in names if name not in NOT_APPLICABLE]
    found: list[Any] = [import_module(f"llm_validation.claims.{name}") for name in names]
    return [claim for claim in found if wanted or scale in claim.SCALES]


def not_applicable(wanted: Sequence[str], scale: Scale, encoder: str | None) -> list[Claim]:
    """Those that would have run on a decoder and do not apply to the encoder of that name."""
    if encoder is None:
        return []
    return [claim for claim in claims(wanted, scale) if claim.NAME in NOT_APPLICABLE]

"""Log-odds are validated by telling the model outright what to be.

Labelled texts cannot validate a score that belongs to the model and not to a text. A model that is
instructed to show the trait has to find the positive completions likelier than one instructed to
show the opposite; where it does not, this score would not see a steering vector either.

The score is only ever used as a change within one prompt, so it is valid if it orders the two
instructions within each pair. The rule that was set first compared the log-odds of one pair with
those of another, whose levels differ for reasons of their own; it refuses formality, sentiment,
politeness and agreeableness on SmolLM2 (docs/findings.md). This rule was set after that had been
seen on the held-out completions, and is therefore decided on the others (split ``choose``), which
no instruction had been tried on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.dataset import Trait
from llm_validation.models import LanguageModel
from llm_validation.scoring.log_odds import LogOdds, settings
from llm_validation.scoring.validity import Validity

_SPLIT = "choose"


def control_questions(model: LanguageModel, trait: Trait) -> list[dict[str, Any]]:
    """What has to be measured: settings of ``unsteered_log_likelihoods``, in the order read below.

    Raises
    ------
    InvalidInput
        If the trait has no instructions, or fewer than two completions of split "choose".
    """
    if trait.instructions is None:
        raise InvalidInput(
            f"trait {trait.name!r} must have instructions, one for each side, to validate the "
            'log-odds of completions; add "instructions" to its file'
        )
    sides = (trait.instructions.positive, trait.instructions.negative)
    return [settings(model, pair, instruction=side) for side in sides for pair in _pairs(trait)]


def control_validity(trait: Trait, measured: Sequence[Mapping[str, Any]]) -> Validity:
    """Validity of a trait's log-odds from the answers to ``control_questions``."""
    scores = np.array([LogOdds.of(found).per_token[0] for found in measured])
    return Validity.within_pairs(*scores.reshape(2, -1))


def _pairs(trait: Trait) -> list[Any]:
    found = [pair for pair in trait.completions if pair.split == _SPLIT]
    if len(found) < 2:
        raise InvalidInput(
            f"trait {trait.name!r} must have at least two completions of split {_SPLIT!r} to "
            f"validate its log-odds, got {len(found)}; add some"
        )
    return found
